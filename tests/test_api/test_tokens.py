"""Personal tokens over HTTP."""

from __future__ import annotations

from fastapi.testclient import TestClient

from tests.test_api.world import World
from yipyap_core.domain.users import SYSTEM, Role


def test_a_token_is_shown_once_and_works_until_it_is_revoked(world: World, eve: TestClient) -> None:
    made = eve.post("/tokens", json={"name": "nightly"})
    assert made.status_code == 201
    secret = made.json()["token"]
    assert secret.startswith("yip_")
    script = world.client(secret)
    assert script.get("/me").json()["username"] == "eve"
    listed = eve.get("/tokens")
    assert secret not in listed.text
    (one,) = listed.json()["tokens"]
    assert (one["name"], one["role"]) == ("nightly", "user")
    assert one["expires_at"] > one["created_at"]
    assert one["last_used_at"]
    assert eve.delete(f"/tokens/{one['id']}").status_code == 204
    assert script.get("/me").json()["code"] == "invalid_token"


def test_nobody_sees_or_revokes_the_tokens_of_others(
    world: World, eve: TestClient, ada: TestClient
) -> None:
    made = eve.post("/tokens", json={"name": "mine"}).json()
    assert ada.get("/tokens").json()["tokens"] == []
    assert ada.delete(f"/tokens/{made['id']}").json()["code"] == "unknown_token"
    assert world.client(made["token"]).get("/me").status_code == 200


def test_a_token_never_exceeds_its_maker(world: World, eve: TestClient, ada: TestClient) -> None:
    refused = eve.post("/tokens", json={"name": "x", "role": "admin"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "role")
    small = ada.post("/tokens", json={"name": "x", "role": "user"}).json()["token"]
    script = world.client(small)
    assert script.get("/users").status_code == 403
    assert script.post("/tokens", json={"name": "y", "role": "admin"}).status_code == 422


def test_a_token_follows_its_user_down(world: World) -> None:
    world.people.add("bob", Role.ADMIN)
    bob = world.client(world.people.bearer("bob"))
    script = world.client(bob.post("/tokens", json={"name": "x"}).json()["token"])
    assert script.get("/users").status_code == 200
    world.people.accounts.update_user(SYSTEM, "bob", role=Role.USER)
    assert script.get("/users").status_code == 403
    world.people.accounts.update_user(SYSTEM, "bob", disabled=True)
    assert script.get("/me").status_code == 401


def test_a_token_ends_by_itself(world: World, eve: TestClient) -> None:
    body = {"name": "short", "expires_in_days": 2}
    script = world.client(eve.post("/tokens", json=body).json()["token"])
    world.people.clock.advance(days=2)
    assert script.get("/me").json()["code"] == "expired"
    for days in (0, 367):
        refused = world.client(world.people.bearer("eve")).post(
            "/tokens", json={"name": "x", "expires_in_days": days}
        )
        assert refused.json()["errors"][0]["field"] == "expires_in_days"
