"""A new file is a new route, behind the guard; two files cannot claim one address."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.test_api.packages import package
from tests.test_api.world import World, open_world, populate
from yipyap_core.api.app import ROUTES, build_api, find_routes
from yipyap_core.discovery import DiscoveryError

OWL = """
from fastapi import APIRouter
from yipyap_core.api.access import Caller

router = APIRouter()


@router.get("/owls/{name}")
def owl(name: str, principal: Caller) -> dict[str, str]:
    return {"name": name, "for": principal.username}
"""


def test_a_file_more_is_a_route_more_and_is_for_administrators(tmp_path: Path) -> None:
    with package(tmp_path, {"owls.py": OWL}) as name, open_world(name) as world:
        populate(world)
        ada = world.client(world.people.bearer("ada"))
        assert ada.get("/owls/minerva").json() == {"name": "minerva", "for": "ada"}
        assert world.client(world.people.bearer("eve")).get("/owls/minerva").status_code == 403
        assert world.client().get("/owls/minerva").status_code == 401
        assert "/owls/{name}" in ada.get("/openapi.json").json()["paths"]


def test_two_files_with_one_address_are_refused_and_both_named(tmp_path: Path) -> None:
    with (
        package(tmp_path, {"owls.py": OWL, "more_owls.py": OWL}) as name,
        pytest.raises(DiscoveryError, match=r"GET /owls/\{name\}.*more_owls\.py.*owls\.py"),
    ):
        build_api(name)


def test_an_address_of_ours_cannot_be_taken(tmp_path: Path) -> None:
    taken = OWL.replace("/owls/{name}", "/health").replace("name: str, ", "")
    taken = taken.replace('"name": name, ', "")
    with (
        package(tmp_path, {"owls.py": taken}) as name,
        pytest.raises(DiscoveryError, match=r"GET /health.*health\.py.*owls\.py"),
    ):
        build_api(name)


@pytest.mark.parametrize("code", ["router = 3", "from fastapi import FastAPI as router"])
def test_something_else_than_a_router_is_refused(tmp_path: Path, code: str) -> None:
    with (
        package(tmp_path, {"owls.py": code}) as name,
        pytest.raises(DiscoveryError, match=r"owls\.py exports router"),
    ):
        build_api(name)


def test_a_mount_could_hide_endpoints_from_the_guard_and_is_refused(tmp_path: Path) -> None:
    code = """
from fastapi import APIRouter, FastAPI

router = APIRouter()
router.mount("/hidden", FastAPI())
"""
    with (
        package(tmp_path, {"owls.py": code}) as name,
        pytest.raises(DiscoveryError, match=r"owls\.py"),
    ):
        build_api(name)


def test_exact_addresses_come_before_those_with_parameters() -> None:
    paths = [route.path for route in find_routes(ROUTES)]
    assert paths == sorted(paths, key=lambda path: "{" in path)


def test_an_application_can_be_built_twice(world: World) -> None:
    """Nothing of one is shared with the next, such as a guard or a cached answer."""
    token = world.people.bearer("ada")
    client = TestClient(build_api(), headers={"Authorization": f"Bearer {token}"})
    assert client.get("/users").status_code == 200


COROUTINES = {
    "/events",
    "/ollama/chat",
    "/model-registry",
    "/caption/{generator}",
    "/detect/{detector}",
}
"""They stream, share one look, or watch for a caller who leaves; each waits in a thread."""


def test_other_endpoints_are_plain_functions() -> None:
    """A coroutine that waits for the store would hold up everybody."""
    found = find_routes(ROUTES)
    coroutines = {one.path for one in found if inspect.iscoroutinefunction(one.endpoint)}
    assert coroutines <= COROUTINES
