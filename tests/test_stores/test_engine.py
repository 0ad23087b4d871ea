"""The store opens, is private, migrates once, and agrees with the schema."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from yipyap_core.stores.engine import (
    HEAD,
    StoreTooNew,
    exclusive,
    migrate,
    open_engine,
    stored_version,
)
from yipyap_core.stores.migrations import configuration
from yipyap_core.stores.schema import metadata, preferences, users

RENEW = "schema.py and the migrations differ: run `python -m scripts.first_migration`"


def test_the_migrations_make_exactly_the_schema(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == [], RENEW


def test_the_head_constant_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(configuration()).get_heads() == [HEAD]


def test_an_empty_store_and_a_current_one_migrate(store_url: str) -> None:
    engine = open_engine(store_url)
    assert stored_version(engine) is None
    migrate(engine)
    assert stored_version(engine) == HEAD
    migrate(engine)
    with engine.connect() as connection:
        assert connection.execute(sa.select(users)).all() == []


def test_a_current_store_is_opened_without_the_migration_library(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    migrate(open_engine(url))
    code = (
        "import sys; from yipyap_core.stores.engine import migrate, open_engine;"
        f"migrate(open_engine({url!r})); assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    code = (
        f"from yipyap_core.stores.engine import migrate, open_engine;migrate(open_engine({url!r}))"
    )
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [process.wait(timeout=60) for process in running] == [0] * 4
    assert stored_version(open_engine(url)) == HEAD


def test_a_store_of_a_later_version_is_refused(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreTooNew, match="later version"):
        migrate(engine)


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    migrate(open_engine(f"sqlite:///{folder / 'store.sqlite3'}"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_readers_do_not_wait_for_a_writer(engine: sa.Engine) -> None:
    with exclusive(engine, users), engine.connect() as reader:
        assert reader.execute(sa.select(users.c.username)).all() == []


def test_exclusive_steps_do_not_interleave(engine: sa.Engine) -> None:
    """Without the lock, some of these read-then-write steps would overwrite each other."""
    now = sa.func.current_timestamp()
    with engine.begin() as connection:
        row = {"key": "n", "value": 0, "actor": "test", "updated_at": now}
        connection.execute(sa.insert(preferences).values(row))

    def count() -> None:
        for _ in range(10):
            with exclusive(engine, preferences) as connection:
                number = connection.execute(sa.select(preferences.c.value)).scalar_one()
                connection.execute(sa.update(preferences).values(value=number + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert connection.execute(sa.select(preferences.c.value)).scalar_one() == 40
