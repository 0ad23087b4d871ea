from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.test_jobs.clocks import HandClock
from yipyap_core.stores.engine import open_engine
from yipyap_core.stores.jobs import JobStore
from yipyap_core.stores.schema import metadata


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> JobStore:
    return JobStore(engine)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()
