"""The conditional updates of the ledger of jobs, as statements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from yipyap_core.domain.jobs import LIVE, Failure, Job, JobState, Phase
from yipyap_core.stores.job_rows import failure_value
from yipyap_core.stores.schema import job_events, jobs

LIVE_KEY = jobs.c.kind + sa.literal(":") + jobs.c.subject
"""What makes a second live job of the same subject impossible."""

Condition = sa.ColumnElement[bool]


def running_of(job_id: str, owner: str) -> Condition:
    """The job, as long as `owner` runs it."""
    return expected_of(job_id, [JobState.RUNNING], owner)


def expected_of(job_id: str, states: Collection[JobState], owner: str | None) -> Condition:
    """The job, as long as it is in one of `states` (and `owner` runs it)."""
    expected = (jobs.c.id == job_id) & jobs.c.state.in_([state.value for state in states])
    return expected if owner is None else expected & (jobs.c.owner == owner)


def claim_statement(
    job: Job, *, owner: str, lease_until: dt.datetime, limit: int, now: dt.datetime
) -> sa.Update:
    """Let `owner` run a queued job, as long as fewer than `limit` of its kind run anywhere."""
    others = jobs.alias()
    running = sa.select(sa.func.count()).where(
        others.c.state == JobState.RUNNING.value, others.c.kind == job.kind.value
    )
    free = running.scalar_subquery() < limit
    columns: dict[str, Any] = {
        "state": JobState.RUNNING.value,
        "owner": owner,
        "lease_until": lease_until,
        "wanted": None,
        "not_before": None,
        "failure": sa.null(),
        "attempt": job.attempt or 1,
        "started_at": job.started_at or now,
        "updated_at": now,
    }
    queued = expected_of(job.id, [JobState.QUEUED], None)
    return sa.update(jobs).where(queued, free).values(**columns)


def queue_end() -> sa.ScalarSelect[int]:
    """The place behind all jobs there are."""
    return sa.select(sa.func.coalesce(sa.func.max(jobs.c.position), 0) + 1).scalar_subquery()


def moved_columns(
    after: JobState, phase: Phase, failure: Failure | None, now: dt.datetime
) -> dict[str, Any]:
    """What every move writes: nobody runs the job any more, and only live ones have a key."""
    return {
        "state": after.value,
        "phase": phase.value,
        "live_key": LIVE_KEY if after in LIVE else None,
        "failure": failure_value(failure),
        "finished_at": None if after in LIVE else now,
        "updated_at": now,
        "owner": None,
        "lease_until": None,
        "wanted": None,
        "speed_bps": 0.0,
    }


def write_event(
    connection: sa.Connection, job_id: str, at: dt.datetime, kind: str, message: str
) -> None:
    """Append one line to a job's timeline, within the caller's transaction."""
    connection.execute(
        sa.insert(job_events).values(job_id=job_id, at=at, kind=kind[:32], message=message)
    )
