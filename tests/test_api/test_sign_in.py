"""Getting in: tokens for passwords, the set-up, the throttle, and who one is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from tests.accounts import PASSWORD
from tests.test_api.world import World, open_world
from yipyap_core.domain.users import Role
from yipyap_core.errors import Throttled, Unauthenticated
from yipyap_core.services.accounts.throttle import USER_POLICY


def form(username: str, password: str = PASSWORD) -> dict[str, str]:
    return {"username": username, "password": password}


def test_a_password_gives_a_token_that_says_what_it_is_for(nobody: TestClient) -> None:
    for extra in ({}, {"grant_type": "password", "scope": "", "client_id": "x"}):
        answer = nobody.post("/token", data={**form("eve"), **extra})
        body = answer.json()
        assert answer.status_code == 200
        assert set(body) == {"access_token", "token_type", "expires_in", "role"}
        assert (body["token_type"], body["expires_in"], body["role"]) == ("bearer", 3600, "user")
    me = nobody.get("/me", headers={"Authorization": f"bearer {body['access_token']}"})
    assert me.json() == {
        "username": "eve",
        "name": "Eve",
        "role": "user",
        "may_administer": False,
        "may_run_models": False,
    }


@pytest.mark.parametrize("username", ["eve", "nobody", " ", "a b", "x" * 5000])
def test_a_wrong_password_and_a_wrong_name_get_one_answer(
    nobody: TestClient, username: str
) -> None:
    answer = nobody.post("/token", data=form(username, "wrong"))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "wrong_credentials"


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({}, ["password", "username"]),
        ({"username": "eve"}, ["password"]),
        ({"password": "x"}, ["username"]),
        ({"username": "", "password": "x"}, ["username"]),
    ],
)
def test_missing_fields_are_named(
    nobody: TestClient, data: dict[str, str], fields: list[str]
) -> None:
    answer = nobody.post("/token", data=data)
    assert answer.status_code == 422
    assert sorted(one["field"] for one in answer.json()["errors"]) == fields


def test_json_is_no_form(nobody: TestClient) -> None:
    assert nobody.post("/token", json=form("eve")).status_code == 422


def test_repeated_failures_have_to_wait_and_the_wait_ends(world: World) -> None:
    nobody = world.client()
    for _ in range(USER_POLICY.free):
        assert nobody.post("/token", data=form("ada", "wrong")).status_code == 401
    answer = nobody.post("/token", data=form("ada"))
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "10"
    assert answer.json()["code"] == "too_many_attempts"
    assert answer.json()["retry_after_seconds"] == 10
    with pytest.raises(Throttled):  # the form of the dashboard asks the same service
        world.people.accounts.authenticate("ada", PASSWORD, "127.0.0.1")
    world.people.clock.advance(seconds=10)
    assert nobody.post("/token", data=form("ada")).status_code == 200


def test_failures_at_the_form_count_here(world: World) -> None:
    for _ in range(USER_POLICY.free):
        with pytest.raises(Unauthenticated):
            world.people.accounts.authenticate("ada", "wrong", "127.0.0.1")
    assert world.client().post("/token", data=form("ada")).status_code == 429


def test_headers_do_not_change_who_is_throttled(world: World) -> None:
    for number in range(20):
        spoofed = {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": "203.0.113.1"}
        world.client().post("/token", data=form(f"user{number}", "wrong"), headers=spoofed)
    assert world.client().post("/token", data=form("ada")).status_code == 429
    elsewhere = world.client(address="198.51.100.7")
    assert elsewhere.post("/token", data=form("ada")).status_code == 200


def test_the_set_up_works_once(empty_world: World) -> None:
    nobody = empty_world.client()
    wanted = {"code": "wrong", "username": "Ada", "name": "Ada L.", "password": PASSWORD}
    assert nobody.post("/setup", json=wanted).json()["code"] == "setup_closed"
    wanted["code"] = empty_world.people.accounts.setup_code() or ""
    weak = nobody.post("/setup", json={**wanted, "password": "password12"})
    assert (weak.status_code, weak.json()["errors"][0]["field"]) == (422, "password")
    made = nobody.post("/setup", json=wanted)
    assert made.status_code == 201
    assert (made.json()["username"], made.json()["role"]) == ("ada", "admin")
    again = nobody.post("/setup", json={**wanted, "username": "bob"})
    assert (again.status_code, again.json()["code"]) == (409, "setup_closed")
    assert nobody.post("/token", data=form("ada")).status_code == 200


def test_many_set_ups_at_once_make_one_administrator(empty_world: World) -> None:
    code = empty_world.people.accounts.setup_code()

    def set_up(number: int) -> int:
        body = {"code": code, "username": f"admin{number}", "password": "correct horse staple"}
        return empty_world.client().post("/setup", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(set_up, range(8)))
    assert statuses == [201, *[409] * 7]


@pytest.mark.parametrize(
    ("variable", "role", "may"),
    [("true", Role.USER, True), ("true", Role.GUEST, False), ("false", Role.USER, False)],
)
def test_one_learns_whether_models_may_be_run(
    monkeypatch: pytest.MonkeyPatch, variable: str, role: Role, may: bool
) -> None:
    monkeypatch.setenv("YIPYAP_USERS_MAY_RUN", variable)
    with open_world() as world:
        world.people.add("eve", role)
        assert world.client(world.people.bearer("eve")).get("/me").json()["may_run_models"] is may
