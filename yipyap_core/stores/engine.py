"""Opens the store, SQLite or PostgreSQL by address, and brings it to the present schema.

On SQLite a transaction takes the write lock with its first change (`BEGIN IMMEDIATE`), so that it
waits for its turn instead of failing; a check and the change that depends on it belong into
`exclusive`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from yipyap_core.errors import YipyapError

HEAD = "0001"
"""The newest migration; a test compares it with the files in `migrations/versions`."""

BUSY_TIMEOUT_SECONDS = 15.0
_MIGRATION_LOCK = 7_925_771  # any number, the same in every process of the product


class StoreTooNew(YipyapError):
    """A later version of the product has changed the store."""

    code = "store_too_new"
    hint = "Start the version that last used this store, or point YIPYAP_HOME to another folder."


def open_engine(url: str) -> sa.Engine:
    """Connect lazily to the store at `url`; a SQLite file is made with mode 0600."""
    address = sa.make_url(url)
    if address.get_backend_name() != "sqlite":
        return sa.create_engine(address, pool_pre_ping=True, pool_size=5, max_overflow=20)
    if address.database and address.database != ":memory:":
        _make_private_file(Path(address.database))
    engine = sa.create_engine(
        address,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": "IMMEDIATE"},
        pool_size=40,  # as many as the API has threads: opening one costs more than a query
        max_overflow=-1,  # a connection is an open file: nobody waits for one
    )
    sa.event.listen(engine, "connect", _configure_sqlite)
    return engine


@contextlib.contextmanager
def exclusive(engine: sa.Engine, table: sa.Table) -> Iterator[sa.Connection]:
    """Keep all other writers away from `table` until the transaction ends.

    What is read inside stays true until the commit, also against other processes.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            quoted = engine.dialect.identifier_preparer.quote(table.name)
            connection.exec_driver_sql(f"LOCK TABLE {quoted} IN SHARE ROW EXCLUSIVE MODE")
        yield connection


def migrate(engine: sa.Engine) -> None:
    """Bring the store to `HEAD`; only a look at one row when it is there already.

    Safe when several processes start at once. Raises `StoreTooNew` for a store of a later version.
    """
    if stored_version(engine) == HEAD:
        return
    from yipyap_core.stores.migrations import upgrade

    with engine.begin() as connection:
        _lock_for_migration(connection)
        if _version(connection) != HEAD:
            upgrade(connection, HEAD)


def stored_version(engine: sa.Engine) -> str | None:
    """Read which migration the store is at; None for an empty store."""
    with engine.connect() as connection:
        return _version(connection)


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _lock_for_migration(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))


def _make_private_file(path: Path) -> None:
    """Make the file before SQLite does, so that it is never readable by others."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _configure_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",  # readers and one writer do not wait for each other
        "synchronous=NORMAL",  # with WAL: safe against a crash of the process
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
