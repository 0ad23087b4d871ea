"""What outlives a restart of the cache's affairs: the last walk, deletion plans, last uses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from yipyap_core.stores.schema import cache_plans, cache_scans, model_uses
from yipyap_core.stores.upserts import upsert


class CacheScanStore:
    """The last walk of each cache folder, so that a page is there at once after a restart."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use this database."""
        self._engine = engine

    def load(self, cache_dir: str) -> Mapping[str, Any] | None:
        """Give back the JSON that `save` kept, or None."""
        query = sa.select(cache_scans.c.report).where(cache_scans.c.cache_dir == cache_dir)
        with self._engine.connect() as connection:
            found: Mapping[str, Any] | None = connection.execute(query).scalar_one_or_none()
        return found

    def save(self, cache_dir: str, scanned_at: dt.datetime, report: Mapping[str, Any]) -> None:
        """Replace what is kept for this folder."""
        row = {"cache_dir": cache_dir, "scanned_at": scanned_at, "report": report}
        with self._engine.begin() as connection:
            connection.execute(upsert(connection, cache_scans), row)


class ModelUseStore:
    """When each cached repository was last used, by our own record instead of access times."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use this database."""
        self._engine = engine

    def touch(self, repo_folder: str, at: dt.datetime) -> None:
        """Record a use; an older moment than the recorded one changes nothing."""
        row = {"repo_folder": repo_folder, "last_used_at": at}
        with self._engine.begin() as connection:
            newest = upsert(connection, model_uses, newer=model_uses.c.last_used_at)
            connection.execute(newest, row)

    def last_used(self) -> dict[str, dt.datetime]:
        """Map each folder that was ever used to the moment."""
        query = sa.select(model_uses.c.repo_folder, model_uses.c.last_used_at)
        with self._engine.connect() as connection:
            return {row.repo_folder: row.last_used_at for row in connection.execute(query)}


class PlanStore:
    """Deletion plans that were shown, until they are executed or forgotten."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use this database."""
        self._engine = engine

    def add(
        self, plan_id: str, actor: str, created_at: dt.datetime, plan: Mapping[str, Any]
    ) -> None:
        """Keep a new plan in the state `planned`."""
        values = {"id": plan_id, "actor": actor, "created_at": created_at, "plan": plan}
        with self._engine.begin() as connection:
            connection.execute(sa.insert(cache_plans).values(state="planned", **values))

    def get(self, plan_id: str) -> tuple[str, Mapping[str, Any]] | None:
        """Give back state and JSON of a plan, or None."""
        query = sa.select(cache_plans.c.state, cache_plans.c.plan).where(
            cache_plans.c.id == plan_id
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (row.state, row.plan)

    def set_state(self, plan_id: str, state: str) -> None:
        """Move a plan on, such as to `executing` or `done`."""
        change = sa.update(cache_plans).where(cache_plans.c.id == plan_id).values(state=state)
        with self._engine.begin() as connection:
            connection.execute(change)

    def forget_before(self, moment: dt.datetime) -> None:
        """Drop plans that nobody will execute any more; one in execution is kept."""
        old = (cache_plans.c.created_at < moment) & (cache_plans.c.state != "executing")
        with self._engine.begin() as connection:
            connection.execute(sa.delete(cache_plans).where(old))
