"""Accounts over HTTP."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from tests.accounts import PASSWORD
from tests.test_api.world import World
from yipyap_core.domain.users import SYSTEM, Role

NEW = {"username": "bob", "name": "Bob", "role": "user", "password": PASSWORD}
JSON = {"Content-Type": "application/json"}


def test_the_list_has_everyone_and_no_secret(ada: TestClient) -> None:
    users = ada.get("/users").json()["users"]
    assert [one["username"] for one in users] == ["ada", "eve", "gus"]
    assert set(users[0]) == {
        "username",
        "name",
        "role",
        "disabled",
        "created_at",
        "last_sign_in",
    }
    assert users[0]["last_sign_in"].endswith("Z")
    assert users[1]["last_sign_in"] is None


def test_an_account_comes_changes_and_goes(world: World, ada: TestClient) -> None:
    made = ada.post("/users", json=NEW)
    assert (made.status_code, made.json()["role"]) == (201, "user")
    assert world.client().post("/token", data=NEW).status_code == 200
    again = ada.post("/users", json={**NEW, "username": "BOB"})
    assert (again.status_code, again.json()["code"]) == (409, "user_exists")
    changed = ada.patch("/users/bob", json={"role": "guest", "name": "Robert"})
    assert (changed.json()["role"], changed.json()["name"]) == ("guest", "Robert")
    assert ada.patch("/users/bob", json={"disabled": True}).json()["disabled"] is True
    assert world.client().post("/token", data=NEW).json()["code"] == "disabled"
    gone = ada.delete("/users/bob")
    assert (gone.status_code, gone.content) == (204, b"")
    assert ada.delete("/users/bob").json()["code"] == "unknown_user"


def test_a_demotion_counts_at_the_very_next_request(world: World, ada: TestClient) -> None:
    world.people.add("bob", Role.ADMIN)
    bob = world.client(world.people.bearer("bob"))
    assert bob.get("/users").status_code == 200
    world.people.clock.advance(microseconds=1)
    ada.patch("/users/bob", json={"role": "user"})
    refused = bob.get("/users")
    assert (refused.status_code, refused.json()["code"]) == (401, "revoked")
    assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    world.people.clock.advance(microseconds=1)
    assert world.client(world.people.bearer("bob")).get("/users").status_code == 403


@pytest.mark.parametrize("change", [{"role": "user"}, {"role": "guest"}, {"disabled": True}])
def test_the_last_administrator_stays(ada: TestClient, change: dict[str, object]) -> None:
    refused = ada.patch("/users/ada", json=change)
    assert (refused.status_code, refused.json()["code"]) == (409, "last_administrator")
    assert ada.delete("/users/ada").json()["code"] == "last_administrator"
    assert ada.get("/users").status_code == 200


def test_two_administrators_who_remove_each_other_leave_one(empty_world: World) -> None:
    people = empty_world.people
    people.add("left", Role.ADMIN)
    for _ in range(8):
        for name in {"left", "right"} - {one.username for one in people.accounts.users(SYSTEM)}:
            people.add(name, Role.ADMIN)
        removals = [
            (empty_world.client(people.bearer(caller)), f"/users/{other}")
            for caller, other in (("left", "right"), ("right", "left"))
        ]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda one: one[0].delete(one[1]).status_code, removals))
        assert sorted(answers) in ([204, 401], [204, 409])
        assert len(people.accounts.users(SYSTEM)) == 1


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"username", "password"}),
        ({**NEW, "password": "password12"}, {"password"}),
        ({**NEW, "password": "x" * 100}, {"password"}),
        ({**NEW, "username": "a b"}, {"username"}),
        ({**NEW, "username": 7}, {"username"}),
        ({**NEW, "role": "king"}, {"role"}),
        ({**NEW, "name": "x" * 200}, {"name"}),
        ({**NEW, "nmae": "Bob"}, {"nmae"}),
        ({**NEW, "username": "\ud800"}, {"username"}),
    ],
)
def test_what_does_not_fit_is_named_and_never_repeated(
    ada: TestClient, body: dict[str, object], fields: set[str]
) -> None:
    answer = ada.post("/users", content=json.dumps(body), headers=JSON)
    assert answer.status_code == 422
    assert {one["field"] for one in answer.json()["errors"]} == fields
    assert "password12" not in answer.text
    assert len(ada.get("/users").json()["users"]) == 3


@pytest.mark.parametrize("name", ["a%20b", "%00", "%2e%2e", "%F0%9F%98%80", "x" * 300])
def test_names_that_nobody_has_are_404(ada: TestClient, name: str) -> None:
    assert ada.patch(f"/users/{name}", json={}).status_code == 404
    assert ada.delete(f"/users/{name}").status_code == 404


def test_a_new_password_works_at_once(world: World, ada: TestClient) -> None:
    assert ada.patch("/users/eve", json={"password": "short"}).json()["code"] == "weak_password"
    assert ada.patch("/users/eve", json={"password": "new horse battery"}).status_code == 200
    nobody = world.client()
    assert nobody.post("/token", data={"username": "eve", "password": PASSWORD}).status_code == 401
    data = {"username": "eve", "password": "new horse battery"}
    assert nobody.post("/token", data=data).status_code == 200
