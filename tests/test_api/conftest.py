"""A world with people in it, and an administrator who calls the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.test_api.world import World, open_world, populate


@pytest.fixture
def empty_world() -> Iterator[World]:
    """Before the first user."""
    with open_world() as world:
        yield world


@pytest.fixture
def world(empty_world: World) -> World:
    """With `ada` (administrator), `eve` (user) and `gus` (guest)."""
    populate(empty_world)
    return empty_world


@pytest.fixture
def ada(world: World) -> TestClient:
    """The administrator's program."""
    return world.client(world.people.bearer("ada"))


@pytest.fixture
def eve(world: World) -> TestClient:
    """The user's program."""
    return world.client(world.people.bearer("eve"))


@pytest.fixture
def nobody(world: World) -> TestClient:
    """A stranger."""
    return world.client()
