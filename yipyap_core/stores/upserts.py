"""Rows that are made or replaced in one step, so that two processes at once do not collide."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def upsert(
    connection: sa.Connection, table: sa.Table, *, newer: sa.Column[Any] | None = None
) -> sa.Insert:
    """A statement for whole rows, which replaces the one of the same primary key.

    With `newer`, only one whose value in that column is smaller.
    """
    insert = _INSERTS[connection.dialect.name](table)
    statement: sa.Insert = insert.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={one.name: insert.excluded[one.name] for one in table.c if not one.primary_key},
        where=None if newer is None else newer < insert.excluded[newer.name],
    )
    return statement
