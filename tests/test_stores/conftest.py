"""Stores in every database that this machine has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.test_stores import databases
from yipyap_core.stores.engine import migrate, open_engine


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    with databases.postgresql() as url:
        yield url


@pytest.fixture(params=databases.KINDS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store, in each database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'store.sqlite3'}"
    url: str = request.getfixturevalue("postgresql_url")
    databases.clear(url)
    return url


@pytest.fixture
def engine(store_url: str) -> Iterator[sa.Engine]:
    """A migrated store, in each database in turn."""
    engine = open_engine(store_url)
    migrate(engine)
    yield engine
    engine.dispose()
