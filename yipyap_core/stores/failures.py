"""Failed sign-ins as counters by subject, shared by every process that uses the store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from yipyap_core.stores.engine import exclusive
from yipyap_core.stores.schema import sign_in_failures as table


@dataclass(frozen=True, slots=True)
class FailureCount:
    """How often a subject failed lately, and until when it has to wait."""

    subject: str
    failures: int
    last_failure: dt.datetime
    blocked_until: dt.datetime | None = None


class FailureStore:
    """Counters by subject; what a subject is and how long it waits is the caller's policy."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use a store that `migrate` has brought to the present schema."""
        self._engine = engine

    def get(self, *subjects: str) -> dict[str, FailureCount]:
        """Read the counters that exist among `subjects`."""
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(table).where(table.c.subject.in_(subjects))).all()
        return {row.subject: _count(row) for row in found}

    def change(
        self, subject: str, following: Callable[[FailureCount | None], FailureCount]
    ) -> FailureCount:
        """Replace a counter by what `following` makes of it, in one step for all processes."""
        with exclusive(self._engine, table) as connection:
            query = sa.select(table).where(table.c.subject == subject)
            row = connection.execute(query).first()
            after = following(None if row is None else _count(row))
            connection.execute(sa.delete(table).where(table.c.subject == subject))
            connection.execute(sa.insert(table).values(asdict(after)))
        return after

    def clear(self, subject: str) -> None:
        """Forget the counter of one subject."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(table).where(table.c.subject == subject))

    def forget(self, *, before: dt.datetime) -> None:
        """Drop the counters that have not moved since `before`."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(table).where(table.c.last_failure < before))


def _count(row: sa.Row[Any]) -> FailureCount:
    return FailureCount(row.subject, row.failures, row.last_failure, row.blocked_until)
