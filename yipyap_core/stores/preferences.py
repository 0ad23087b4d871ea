"""Small choices of administrators that outlive the process, such as limits, as JSON by key."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from yipyap_core.stores.schema import preferences
from yipyap_core.stores.upserts import upsert


class PreferenceStore:
    """Key and JSON value, with who set it and when."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use the tables of `engine`, which must exist."""
        self._engine = engine

    def get(self, key: str, default: Any = None) -> Any:
        """Read one value; `default` when it was never set."""
        query = sa.select(preferences.c.value).where(preferences.c.key == key)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return default if row is None else row.value

    def set(self, key: str, value: Any, *, actor: str, now: dt.datetime) -> None:
        """Write one value."""
        row = {"key": key, "value": value, "updated_at": now, "actor": actor}
        with self._engine.begin() as connection:
            connection.execute(upsert(connection, preferences), row)
