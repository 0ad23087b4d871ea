"""Every refusal is one problem document, and nothing of the inside goes out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request

from tests.test_api.packages import package
from tests.test_api.world import World, open_world, populate
from yipyap_core import errors
from yipyap_core.api.edge import MAX_BODY_BYTES
from yipyap_core.api.problems import of_error, status_of
from yipyap_core.errors import YipyapError

FIELDS = {"type", "title", "status", "detail", "code", "hint", "request_id"}


def problem_of(answer: object) -> dict[str, object]:
    """Check what every problem has, and give it back."""
    body: dict[str, object] = answer.json()  # type: ignore[attr-defined]  # httpx and its test twin
    assert answer.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]  # the same
    assert set(body) >= FIELDS
    assert all(body[field] for field in FIELDS)
    assert body["request_id"] == answer.headers["x-request-id"]  # type: ignore[attr-defined]  # the same
    assert body["status"] == answer.status_code  # type: ignore[attr-defined]  # the same
    return body


def leaves(kind: type[YipyapError]) -> Iterator[type[YipyapError]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from leaves(child)


@pytest.mark.parametrize("kind", list(leaves(YipyapError)), ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_has_a_status(kind: type[YipyapError]) -> None:
    error = kind.__new__(kind)
    assert 400 <= status_of(error) < 600
    assert status_of(error) != 500


@pytest.mark.parametrize(
    ("error", "status", "extra"),
    [
        (errors.DownloadsDisabled(), 409, {"detail": "Model downloads are disabled"}),
        (errors.OllamaUnavailable(), 503, {"detail": "Ollama service not available"}),
        (
            errors.ConfigInvalid({"threshold": "Too high."}),
            422,
            {
                "detail": "Failed to update config",
                "errors": [{"field": "threshold", "message": "Too high."}],
            },
        ),
        (
            errors.InsufficientStorage(needed_bytes=7, free_bytes=3),
            507,
            {"needed_bytes": 7, "free_bytes": 3},
        ),
        (errors.Throttled("Wait.", retry_after_seconds=2.1), 429, {"retry_after_seconds": 3}),
        (errors.HubBusy("Busy.", retry_after_seconds=0.0), 503, {"code": "hub_busy"}),
        (errors.PreconditionFailed("Somebody was faster."), 412, {"code": "version_conflict"}),
        (errors.RepositoryNotFound("Not there."), 404, {"code": "repository_not_found"}),
        (errors.HubUnreachable("Away."), 502, {"code": "hub_unreachable"}),
    ],
)
def test_the_words_and_figures_of_an_error_arrive(
    error: YipyapError, status: int, extra: dict[str, object]
) -> None:
    answer = of_error(Request({"type": "http", "request_id": "abc"}), error)
    body = json.loads(bytes(answer.body))
    assert answer.status_code == status
    assert extra.items() <= body.items()
    if hasattr(error, "retry_after_seconds"):
        assert int(answer.headers["retry-after"]) >= 1


def test_an_unknown_address_is_a_problem(nobody: TestClient) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS", "BREW"):
        answer = nobody.request(method, "/no/such/thing")
        assert (answer.status_code, problem_of(answer)["code"]) == (404, "not_found")


def test_a_wrong_method_names_the_right_ones(nobody: TestClient) -> None:
    answer = nobody.put("/tokens")
    assert (answer.status_code, problem_of(answer)["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert nobody.get("/token").headers["allow"] == "POST"


def test_a_slash_too_much_is_no_redirect(nobody: TestClient) -> None:
    assert nobody.get("/health/", follow_redirects=False).status_code == 404


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_a_large_body_is_refused(world: World, ada: TestClient, chunked: bool) -> None:
    blob = b"x" * (MAX_BODY_BYTES // 4)
    content = (blob for _ in range(5)) if chunked else blob * 5
    answer = ada.post("/users", content=content)
    assert (answer.status_code, problem_of(answer)["code"]) == (413, "too_large")
    public = world.client().post("/token", content=blob * 5)
    assert public.status_code == 413


def test_a_length_that_is_none_is_refused(nobody: TestClient) -> None:
    for length in ("-1", "abc", "1" * 30):
        answer = nobody.post("/token", headers={"Content-Length": length})
        assert (answer.status_code, problem_of(answer)["code"]) == (400, "bad_request")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 5000, b"nul", b'{"a":}'])
def test_json_that_is_none_is_a_problem(ada: TestClient, content: bytes) -> None:
    answer = ada.post("/users", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    problem_of(answer)


def test_a_body_without_its_type_is_a_problem(ada: TestClient) -> None:
    assert problem_of(ada.post("/users", content=b'{"username": "x"}'))["status"] == 422


def test_a_request_may_bring_its_id(nobody: TestClient) -> None:
    assert nobody.get("/health", headers={"X-Request-ID": "abc-12345"}).headers["x-request-id"] == (
        "abc-12345"
    )
    for forged in ("short", "x" * 65, "a b c d e f g h", "<script>alert(1)"):
        given = nobody.get("/health", headers={"X-Request-ID": forged})
        assert len(given.headers["x-request-id"]) == 32


def test_ids_differ(nobody: TestClient) -> None:
    ids = {nobody.get("/health").headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


BROKEN = """
from fastapi import APIRouter
from starlette.responses import StreamingResponse

router = APIRouter()


@router.get("/broken")
def broken() -> None:
    raise RuntimeError("the secret is hunter2 in /etc/secret")


def _pieces():
    yield b"half"
    raise RuntimeError("hunter2")


@router.get("/broken-stream")
def broken_stream() -> StreamingResponse:
    return StreamingResponse(_pieces())
"""


def test_the_unexpected_is_logged_with_its_id_and_nothing_goes_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with package(tmp_path, {"broken.py": BROKEN}) as name, open_world(name) as world:
        populate(world)
        ada = world.client(world.people.bearer("ada"))
        with caplog.at_level(logging.ERROR):
            answer = ada.get("/broken")
        body = problem_of(answer)
    assert (answer.status_code, body["code"]) == (500, "internal_error")
    assert "hunter2" not in answer.text and "Traceback" not in answer.text
    (record,) = [one for one in caplog.records if one.name.startswith("yipyap_core.api")]
    assert str(body["request_id"]) in record.getMessage()
    assert record.exc_info is not None


def test_a_stream_that_breaks_is_cut_not_ended(tmp_path: Path) -> None:
    with package(tmp_path, {"broken.py": BROKEN}) as name, open_world(name) as world:
        populate(world)
        client = TestClient(
            world.api, headers={"Authorization": f"Bearer {world.people.bearer('ada')}"}
        )
        with pytest.raises(RuntimeError, match="hunter2"):
            client.get("/broken-stream")


def test_before_the_services_are_up_the_answer_says_so(world: World, nobody: TestClient) -> None:
    from yipyap_core.services import container

    container.uninstall()
    for path in ("/health", "/users"):
        answer = nobody.get(path)
        assert (answer.status_code, problem_of(answer)["code"]) == (503, "unavailable")
    container.install(world.services)


def test_a_store_that_does_not_answer_is_unhealthy(world: World, nobody: TestClient) -> None:
    assert nobody.get("/health").json() == {"status": "ok"}
    with world.application.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE users")
    answer = nobody.get("/health")
    assert (answer.status_code, problem_of(answer)["code"]) == (503, "unavailable")


def test_answers_are_not_kept_by_caches(ada: TestClient) -> None:
    assert ada.get("/users").headers["cache-control"] == "no-store"
