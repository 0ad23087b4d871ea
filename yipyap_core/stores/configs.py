"""Every version of every configuration; a version is written once, whole, and never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from yipyap_core.domain.configs import ConfigAction, ConfigVersion
from yipyap_core.stores.engine import exclusive
from yipyap_core.stores.schema import config_versions as table

Heads = Mapping[str, ConfigVersion]
"""The newest version of each configuration that was ever saved."""


class ConfigStore:
    """Appends versions; readers see all of a change or nothing of it."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use the tables of `engine`, which must exist."""
        self._engine = engine

    def heads(self) -> dict[str, ConfigVersion]:
        """Read the newest version of every configuration."""
        with self._engine.connect() as connection:
            return _heads(connection)

    def versions(self) -> dict[str, int]:
        """Read only the number of the newest version of every configuration."""
        query = sa.select(table.c.name, sa.func.max(table.c.version)).group_by(table.c.name)
        with self._engine.connect() as connection:
            return {name: version for name, version in connection.execute(query)}

    def head(self, name: str) -> ConfigVersion | None:
        """Read the newest version of one configuration; None when it was never saved."""
        query = _of(name).order_by(table.c.version.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _version(row)

    def version(self, name: str, version: int) -> ConfigVersion | None:
        """Read one version; None when there is no such one."""
        query = _of(name).where(table.c.version == version)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _version(row)

    def history(self, name: str, limit: int) -> tuple[ConfigVersion, ...]:
        """Read the newest versions of one configuration, newest first."""
        query = _of(name).order_by(table.c.version.desc()).limit(limit)
        with self._engine.connect() as connection:
            return tuple(_version(row) for row in connection.execute(query))

    def change(
        self, decide: Callable[[Heads], Sequence[ConfigVersion]]
    ) -> tuple[ConfigVersion, ...]:
        """Append what `decide` makes of the present heads, all of it or nothing.

        No other process writes between the reading and the commit, so that no change is lost.
        `decide` only computes; when it raises, nothing is written.
        """
        with exclusive(self._engine, table) as connection:
            versions = tuple(decide(_heads(connection)))
            if versions:
                connection.execute(sa.insert(table), [_row(one) for one in versions])
        return versions


def _of(name: str) -> sa.Select[Any]:
    return sa.select(table).where(table.c.name == name)


def _heads(connection: sa.Connection) -> dict[str, ConfigVersion]:
    newest = sa.select(table.c.name, sa.func.max(table.c.version).label("version"))
    last = newest.group_by(table.c.name).subquery()
    query = sa.select(table).join(
        last, sa.and_(table.c.name == last.c.name, table.c.version == last.c.version)
    )
    return {row.name: _version(row) for row in connection.execute(query)}


def _row(version: ConfigVersion) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "at": version.at,
        "actor": version.actor,
        "action": version.action.value,
        "saved": dict(version.saved),
    }


def _version(row: sa.Row[Any]) -> ConfigVersion:
    return ConfigVersion(
        name=row.name,
        version=row.version,
        at=row.at,
        actor=row.actor,
        action=ConfigAction(row.action),
        saved=row.saved,
    )
