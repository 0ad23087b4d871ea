"""The access matrix: every endpoint by everyone who may come along.

The endpoints are those of the application itself: one without a row here fails, and so does a row
without an endpoint. The requests are harmless, so that each visitor can try everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount

from tests.accounts import LOSSES
from tests.test_api.world import World, open_world, populate
from yipyap_core.api.access import EXCEPTIONS, Access, Guard, access_of
from yipyap_core.domain.users import Role

Address = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """A request to one endpoint, and what it answers whoever may call it."""

    status: int
    path: str | None = None
    """With its parameters filled in; None where there are none."""
    json: Any = None


ROWS: dict[Address, Row] = {
    ("GET", "/health"): Row(200),
    ("POST", "/token"): Row(422),
    ("POST", "/setup"): Row(422),
    ("GET", "/me"): Row(200),
    ("GET", "/tokens"): Row(200),
    ("POST", "/tokens"): Row(422),
    ("DELETE", "/tokens/{token_id}"): Row(404, "/tokens/none"),
    ("GET", "/users"): Row(200),
    ("POST", "/users"): Row(422),
    ("PATCH", "/users/{username}"): Row(404, "/users/nobody", {}),
    ("DELETE", "/users/{username}"): Row(404, "/users/nobody"),
    ("GET", "/model-registry"): Row(200),
    ("POST", "/model-registry"): Row(422),
    ("DELETE", "/model-registry/{model_id}"): Row(404, "/model-registry/none"),
    ("GET", "/model-download-status/{model_id}"): Row(200, "/model-download-status/jtp2"),
    ("GET", "/model-download/{model_id}/timeline"): Row(200, "/model-download/jtp2/timeline"),
    ("POST", "/model-download/{model_id}/start"): Row(404, "/model-download/none/start"),
    ("POST", "/model-download/{model_id}/pause"): Row(404, "/model-download/none/pause"),
    ("POST", "/model-download/{model_id}/resume"): Row(404, "/model-download/none/resume"),
    ("POST", "/model-download/{model_id}/cancel"): Row(404, "/model-download/none/cancel"),
    ("GET", "/model-download/{model_id}/kept"): Row(200, "/model-download/jtp2/kept"),
    ("POST", "/model-download/{model_id}/move"): Row(
        404, "/model-download/none/move", {"steps": 1}
    ),
    ("POST", "/model-download/{model_id}/priority"): Row(
        404, "/model-download/none/priority", {"priority": 1}
    ),
    ("POST", "/model-download/{model_id}/restart-file"): Row(
        404, "/model-download/none/restart-file", {"path": "a"}
    ),
    ("GET", "/model-download-history"): Row(200),
    ("GET", "/model-download-history/{job_id}/timeline"): Row(
        404, "/model-download-history/none/timeline"
    ),
    ("GET", "/model-download-queue-status"): Row(200),
    ("PUT", "/model-download-settings"): Row(422),
    ("GET", "/events"): Row(200),
    ("GET", "/hub/search"): Row(422),
    ("GET", "/hub/preflight/{repo_id:path}"): Row(422, "/hub/preflight/not--allowed"),
    ("GET", "/system/resources"): Row(200),
    ("GET", "/metrics"): Row(200),
    ("GET", "/docs"): Row(200),
    ("GET", "/openapi.json"): Row(200),
    ("GET", "/engines"): Row(200),
    ("GET", "/engines/{model_id}"): Row(404, "/engines/none"),
    ("POST", "/engines/{model_id}/load"): Row(404, "/engines/none/load"),
    ("POST", "/engines/{model_id}/unload"): Row(404, "/engines/none/unload"),
    ("POST", "/engines/{model_id}/pin"): Row(404, "/engines/none/pin", {"pinned": True}),
    ("POST", "/engines/{model_id}/canary"): Row(404, "/engines/none/canary"),
    ("POST", "/caption/{generator}"): Row(422, "/caption/none"),
    ("POST", "/detect/{detector}"): Row(422, "/detect/none"),
    ("GET", "/captioner-config"): Row(200),
    ("GET", "/captioner-config/{name}"): Row(200, "/captioner-config/jtp2"),
    ("PUT", "/captioner-config/{name}"): Row(404, "/captioner-config/none", {}),
    ("POST", "/captioner-config/{name}/reset"): Row(404, "/captioner-config/none/reset"),
    ("GET", "/captioner-config/{name}/history"): Row(200, "/captioner-config/jtp2/history"),
    ("POST", "/captioner-config/{name}/rollback/{version}"): Row(
        404, "/captioner-config/none/rollback/1"
    ),
    ("POST", "/config/export"): Row(200),
    ("DELETE", "/model-download/{model_id}"): Row(404, "/model-download/none"),
    ("GET", "/hf-cache/info"): Row(200),
    ("POST", "/hf-cache/clear"): Row(422, json={}),
    ("POST", "/hf-cache/prune"): Row(422),
    ("DELETE", "/hf-cache/models/{repo_id:path}"): Row(404, "/hf-cache/models/org/none"),
    ("GET", "/hf-cache/plans/{plan_id}"): Row(404, "/hf-cache/plans/none"),
    ("POST", "/hf-cache/plans/{plan_id}/execute"): Row(404, "/hf-cache/plans/none/execute", {}),
    ("GET", "/hf-cache/trash"): Row(200),
    ("POST", "/hf-cache/trash/{trash_id}/restore"): Row(404, "/hf-cache/trash/none/restore"),
    ("DELETE", "/hf-cache/trash/{trash_id}"): Row(404, "/hf-cache/trash/none"),
    ("GET", "/hf-cache/reclaim"): Row(200),
    ("POST", "/hf-cache/reclaim"): Row(422),
    ("GET", "/hf-cache/verify"): Row(200),
    ("POST", "/hf-cache/verify"): Row(404, json={"repo_id": "org/none"}),
    ("GET", "/hf-cache/verify/{verify_id}"): Row(404, "/hf-cache/verify/none"),
    ("POST", "/hf-cache/verify/{verify_id}/cancel"): Row(404, "/hf-cache/verify/none/cancel"),
    ("POST", "/hf-cache/verify/{verify_id}/repair"): Row(404, "/hf-cache/verify/none/repair"),
    ("GET", "/hf-cache/repairs"): Row(200),
    ("GET", "/hf-cache/repairs/{repair_id}"): Row(404, "/hf-cache/repairs/none"),
    ("POST", "/hf-cache/repairs/{repair_id}/cancel"): Row(404, "/hf-cache/repairs/none/cancel"),
    ("GET", "/hf-cache/doctor"): Row(200),
    ("GET", "/ollama/status"): Row(200),
    ("GET", "/ollama/models"): Row(503),
    ("POST", "/ollama/models/pull"): Row(422),
    ("GET", "/ollama/pulls"): Row(200),
    ("GET", "/ollama/pulls/{pull_id}"): Row(404, "/ollama/pulls/none"),
    ("POST", "/ollama/pulls/{pull_id}/cancel"): Row(404, "/ollama/pulls/none/cancel"),
    ("POST", "/ollama/pulls/{pull_id}/retry"): Row(404, "/ollama/pulls/none/retry"),
    ("GET", "/ollama/models/{name:path}/show"): Row(503, "/ollama/models/a:b/show"),
    ("POST", "/ollama/models/{name:path}/unload"): Row(503, "/ollama/models/a:b/unload"),
    ("DELETE", "/ollama/models/{name:path}"): Row(503, "/ollama/models/a:b"),
    ("GET", "/ollama/ps"): Row(503),
    ("GET", "/ollama/outdated"): Row(503),
    ("POST", "/ollama/chat"): Row(422),
    ("POST", "/config/import"): Row(422),
}


def endpoints(world: World) -> dict[Address, APIRoute]:
    return {
        (method, route.path): route
        for route in world.api.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def test_every_endpoint_has_a_row_and_every_row_an_endpoint(empty_world: World) -> None:
    assert set(endpoints(empty_world)) == set(ROWS)


def test_the_exceptions_are_exactly_those_of_the_contract(empty_world: World) -> None:
    open_to_others = {
        address
        for address, route in endpoints(empty_world).items()
        if access_of(route) is not Access.ADMINISTRATOR
    }
    assert open_to_others == set(EXCEPTIONS)
    public = {address for address, access in EXCEPTIONS.items() if access is Access.PUBLIC}
    assert public == {("GET", "/health"), ("POST", "/token"), ("POST", "/setup")}


def test_a_guard_stands_before_everything(empty_world: World) -> None:
    for route in empty_world.api.routes:
        assert isinstance(route, APIRoute | Mount)
        assert isinstance(route.app, Guard)


# who comes along

Visitor = Callable[[World], TestClient]


def _bearer(username: str) -> Visitor:
    return lambda world: world.client(world.people.bearer(username))


def _cookie(username: str) -> Visitor:
    return lambda world: world.with_cookie(world.people.cookie(username))


def _then(visitor: Visitor, change: Callable[[World], object]) -> Visitor:
    """Get a credential, and only then change what stands behind it."""

    def come(world: World) -> TestClient:
        world.people.add("bob", Role.ADMIN)
        client = visitor(world)
        world.people.clock.advance(microseconds=1)
        change(world)
        world.people.clock.advance(microseconds=1)
        return client

    return come


def _lose(loss: str) -> Callable[[World], object]:
    return lambda world: LOSSES[loss](world.people.accounts, "bob")


def _expire(world: World) -> None:
    world.people.clock.advance(days=500)


def _personal(username: str, role: Role | None = None) -> Visitor:
    def come(world: World) -> TestClient:
        accounts = world.people.accounts
        principal = accounts.principal_of_bearer(world.people.bearer(username))
        return world.client(accounts.create_token(principal, "script", role).secret)

    return come


def _header(value: str) -> Visitor:
    def come(world: World) -> TestClient:
        client = world.with_cookie(world.people.cookie("ada"))
        client.headers["Authorization"] = value
        return client

    return come


STRANGERS: dict[str, Visitor] = {
    "nobody": lambda world: world.client(),
    "made-up token": lambda world: world.client("yip_" + "x" * 43),
    "the cookie as a token": lambda world: world.client(world.people.cookie("ada")),
    "the token as a cookie": lambda world: world.with_cookie(world.people.bearer("ada")),
    "password in the header": _header("Basic YWRhOmNvcnJlY3Q="),
    "an empty token beside a good cookie": _header("Bearer "),
    "expired": _then(_bearer("bob"), _expire),
    "expired, cookie": _then(_cookie("bob"), _expire),
    "expired, personal token": _then(_personal("bob"), _expire),
    "deleted, personal token": _then(_personal("bob"), _lose("deleted")),
    "disabled, personal token": _then(_personal("bob"), _lose("disabled")),
    **{f"{loss}, token of before": _then(_bearer("bob"), _lose(loss)) for loss in LOSSES},
    **{f"{loss}, cookie of before": _then(_cookie("bob"), _lose(loss)) for loss in LOSSES},
}

MEMBERS: dict[str, Visitor] = {
    "guest": _bearer("gus"),
    "user": _bearer("eve"),
    "guest, personal token": _personal("gus"),
    "user, personal token": _personal("eve"),
    "administrator, personal token of a user": _personal("ada", Role.USER),
    "demoted, personal token of before": _then(_personal("bob"), _lose("demoted")),
}

ADMINISTRATORS: dict[str, Visitor] = {
    "administrator": _bearer("ada"),
    "administrator, personal token": _personal("ada"),
}

COOKIES: dict[str, tuple[Visitor, bool]] = {
    "guest, cookie": (_cookie("gus"), False),
    "user, cookie": (_cookie("eve"), False),
    "administrator, cookie": (_cookie("ada"), True),
}


def wrong_answers(
    world: World, client: TestClient, expected: Callable[[Access, str, int], int]
) -> list[str]:
    """Call everything; say where the answer is not the expected one."""
    found = []
    for (method, template), row in ROWS.items():
        access = access_of(endpoints(world)[method, template])
        verbs = [method, "HEAD"] if method == "GET" else [method]
        if template == "/events":
            verbs = ["HEAD"]  # the stream itself would never end
        for verb in verbs:
            answer = client.request(verb, row.path or template, json=row.json)
            wanted = expected(access, verb, row.status)
            if answer.status_code != wanted:
                found.append(f"{verb} {template}: {answer.status_code} instead of {wanted}")
            if verb == "HEAD":
                assert answer.content == b""
            elif answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["request_id"] == answer.headers["x-request-id"]
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"].startswith("Bearer")
    return found


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_gets_401_everywhere_but_at_the_door(world: World, name: str) -> None:
    def expected(access: Access, _verb: str, status: int) -> int:
        return status if access is Access.PUBLIC else 401

    assert wrong_answers(world, STRANGERS[name](world), expected) == []


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_gets_403_at_everything_of_administrators(world: World, name: str) -> None:
    def expected(access: Access, _verb: str, status: int) -> int:
        return status if access in {Access.PUBLIC, Access.SIGNED_IN} else 403

    assert wrong_answers(world, MEMBERS[name](world), expected) == []


@pytest.mark.parametrize(("name", "may"), [("user", True), ("guest", False)])
def test_users_run_models_once_that_is_open_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, name: str, may: bool
) -> None:
    monkeypatch.setenv("YIPYAP_USERS_MAY_RUN", "true")

    def expected(access: Access, _verb: str, status: int) -> int:
        allowed = {Access.PUBLIC, Access.SIGNED_IN} | ({Access.MAY_RUN} if may else set())
        return status if access in allowed else 403

    with open_world() as world:
        populate(world)
        assert wrong_answers(world, MEMBERS[name](world), expected) == []


@pytest.mark.parametrize("name", ADMINISTRATORS)
def test_an_administrator_gets_everywhere(world: World, name: str) -> None:
    def expected(_access: Access, _verb: str, status: int) -> int:
        return status

    assert wrong_answers(world, ADMINISTRATORS[name](world), expected) == []


@pytest.mark.parametrize("name", COOKIES)
def test_the_cookie_counts_for_reading_only(world: World, name: str) -> None:
    visitor, is_administrator = COOKIES[name]

    def expected(access: Access, verb: str, status: int) -> int:
        if access is Access.PUBLIC:
            return status
        if verb not in {"GET", "HEAD"}:
            return 401
        return status if is_administrator or access is Access.SIGNED_IN else 403

    assert wrong_answers(world, visitor(world), expected) == []


def test_the_files_of_the_documentation_are_for_administrators(
    world: World, ada: TestClient, eve: TestClient, nobody: TestClient
) -> None:
    path = "/docs-assets/swagger-ui.css"
    assert [one.get(path).status_code for one in (ada, eve, nobody)] == [200, 403, 401]
    browser = world.with_cookie(world.people.cookie("ada"))
    assert browser.get(path).status_code == 200
    assert "docs-assets/swagger-ui.css" in browser.get("/docs").text
    assert ada.get("/docs-assets/../../settings.py").status_code == 404


def test_nothing_of_a_strangers_body_is_read(nobody: TestClient) -> None:
    """Not even to say that it does not fit."""
    for content in (b"{", b"\xff", b"[1"):
        assert nobody.post("/users", content=content).status_code == 401


def test_who_may_do_what_stands_in_the_schema(ada: TestClient) -> None:
    schema = ada.get("/openapi.json").json()
    assert schema["paths"]["/health"]["get"]["x-access"] == "public"
    assert "security" not in schema["paths"]["/health"]["get"]
    assert schema["paths"]["/me"]["get"]["x-access"] == "signed_in"
    assert schema["paths"]["/users"]["get"]["x-access"] == "administrator"
    assert schema["paths"]["/users"]["get"]["security"]
