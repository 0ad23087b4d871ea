"""Jobs, their order, their timelines and their leases, as rows that several processes share.

Every change of state is one conditional update: it names the states (and the owner) it expects
and fails when another process was faster, so no lock is held and no job runs twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from yipyap_core.domain.jobs import (
    Failure,
    Job,
    JobEvent,
    JobKind,
    JobState,
    Phase,
    Progress,
    check_transition,
)
from yipyap_core.domain.queue_order import moved
from yipyap_core.errors import NotRunning, UnknownJob
from yipyap_core.stores.engine import exclusive
from yipyap_core.stores.job_rows import job_of, job_values, progress_values
from yipyap_core.stores.job_statements import (
    claim_statement,
    expected_of,
    moved_columns,
    queue_end,
    running_of,
    write_event,
)
from yipyap_core.stores.schema import job_documents, job_events, jobs
from yipyap_core.stores.upserts import upsert

QUEUE_ORDER = (jobs.c.priority.desc(), jobs.c.position, jobs.c.id)
LOST = "lost"
"""What `heartbeat` answers when the job belongs to another process by now."""


class JobStore:
    """The ledger of background work; safe with several processes on one database."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use the tables of `engine`, which must exist."""
        self._engine = engine

    # adding and reading

    def add(self, job: Job, message: str) -> tuple[Job, bool]:
        """Queue `job` at the end, or return the live one of its subject and False."""
        insert = sa.insert(jobs).values(position=queue_end(), **job_values(job))
        try:
            with self._engine.begin() as connection:
                connection.execute(insert)
                write_event(connection, job.id, job.created_at, job.phase.value, message)
        except IntegrityError:
            if live := self.find_live(job.kind, job.subject):
                return live, False
            raise
        return self.get(job.id), True

    def get(self, job_id: str) -> Job:
        """Read one job; raises `UnknownJob`."""
        found = self._read(sa.select(jobs).where(jobs.c.id == job_id))
        if not found:
            raise UnknownJob("There is no such job.")
        return found[0]

    def find_live(self, kind: JobKind, subject: str) -> Job | None:
        """Find the job that a further start of `subject` joins."""
        found = self._read(
            sa.select(jobs).where(jobs.c.live_key == f"{kind.value}:{subject}").limit(1)
        )
        return found[0] if found else None

    def live(self, kind: JobKind | None = None) -> tuple[Job, ...]:
        """All queued, running and paused jobs, in the order in which they would start."""
        query = sa.select(jobs).where(jobs.c.live_key.is_not(None)).order_by(*QUEUE_ORDER)
        return self._read(query if kind is None else query.where(jobs.c.kind == kind.value))

    def latest(self, kind: JobKind) -> dict[str, Job]:
        """The youngest job of every subject."""
        last = (
            sa.select(jobs.c.subject, sa.func.max(jobs.c.created_at).label("at"))
            .where(jobs.c.kind == kind.value)
            .group_by(jobs.c.subject)
            .subquery()
        )
        query = (
            sa.select(jobs)
            .join(last, (jobs.c.subject == last.c.subject) & (jobs.c.created_at == last.c.at))
            .where(jobs.c.kind == kind.value)
        )
        return {job.subject: job for job in self._read(query)}

    def history(
        self, kind: JobKind, subject: str | None = None, limit: int = 50
    ) -> tuple[Job, ...]:
        """Jobs of one kind, youngest first."""
        query = sa.select(jobs).where(jobs.c.kind == kind.value)
        if subject is not None:
            query = query.where(jobs.c.subject == subject)
        return self._read(query.order_by(jobs.c.created_at.desc(), jobs.c.id).limit(limit))

    # running

    def due(self, now: dt.datetime) -> tuple[Job, ...]:
        """Queued jobs whose time has come, in the order in which they start.

        One that was written in the future has waited long enough: the clock was set back.
        """
        is_due = jobs.c.not_before.is_(None) | (jobs.c.not_before <= now)
        query = sa.select(jobs).where(
            jobs.c.state == JobState.QUEUED.value, is_due | (jobs.c.updated_at > now)
        )
        return self._read(query.order_by(*QUEUE_ORDER))

    def claim(
        self, job: Job, *, owner: str, lease_until: dt.datetime, limit: int, now: dt.datetime
    ) -> Job | None:
        """Make a queued job run in this process; None when it or its place was taken."""
        update = claim_statement(job, owner=owner, lease_until=lease_until, limit=limit, now=now)
        with exclusive(self._engine, jobs) as connection:
            claimed = connection.execute(update).rowcount == 1
        return self.get(job.id) if claimed else None

    def heartbeat(
        self,
        job_id: str,
        *,
        owner: str,
        phase: Phase,
        progress: Progress,
        totals: tuple[int, float],
        lease_until: dt.datetime,
        now: dt.datetime,
    ) -> str | None:
        """Write progress and extend the lease; answer what is wanted of the owner, or `LOST`.

        `totals` are the bytes fetched and the seconds at work, over all attempts.
        """
        columns = {
            "phase": phase.value,
            "updated_at": now,
            "lease_until": lease_until,
            "fetched_bytes": totals[0],
            "active_seconds": totals[1],
            **progress_values(progress),
        }
        update = sa.update(jobs).where(running_of(job_id, owner)).values(**columns)
        with self._engine.begin() as connection:
            if connection.execute(update).rowcount == 0:
                return LOST
            row = connection.execute(sa.select(jobs.c.wanted).where(jobs.c.id == job_id)).one()
        wanted: str | None = row.wanted
        return wanted

    def ask(self, job_id: str, wanted: str) -> None:
        """Tell the process that runs the job what is wanted; it looks at each heartbeat."""
        running = (jobs.c.id == job_id) & (jobs.c.state == JobState.RUNNING.value)
        with self._engine.begin() as connection:
            connection.execute(sa.update(jobs).where(running).values(wanted=wanted))

    def leases(self) -> tuple[tuple[str, str, dt.datetime], ...]:
        """Every running job as (id, owner, end of its lease)."""
        query = sa.select(jobs.c.id, jobs.c.owner, jobs.c.lease_until)
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(jobs.c.state == JobState.RUNNING.value)).all()
        return tuple((row.id, row.owner or "", row.lease_until) for row in rows)

    def move(
        self,
        job_id: str,
        before: Collection[JobState],
        after: JobState,
        *,
        now: dt.datetime,
        phase: Phase,
        event: tuple[str, str],
        failure: Failure | None = None,
        owner: str | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Job:
        """Change the state if it is still one of `before` (and `owner` still runs the job).

        `event` is the kind and the message of the timeline's line, written together with it;
        `changes` are further columns. A failed job goes to the end of the queue. Raises
        `NotRunning` when another was faster.
        """
        for state in before:
            check_transition(state, after)
        columns = {**moved_columns(after, phase, failure, now), **(changes or {})}
        if JobState.FAILED in before and after is JobState.QUEUED:
            columns["position"] = queue_end()
        update = sa.update(jobs).where(expected_of(job_id, before, owner)).values(**columns)
        try:
            with self._engine.begin() as connection:
                if connection.execute(update).rowcount == 0:
                    raise self._not_movable(job_id, after)
                write_event(connection, job_id, now, *event)
        except IntegrityError as error:
            raise NotRunning("A younger job of the same subject is live.") from error
        return self.get(job_id)

    # what workers keep

    def save_payload(self, job_id: str, changes: Mapping[str, Any]) -> Job:
        """Merge `changes` into the payload; a value of None removes its key."""
        with exclusive(self._engine, jobs) as connection:
            before = connection.execute(
                sa.select(jobs.c.payload).where(jobs.c.id == job_id)
            ).scalar_one()
            merged = {**before, **changes}
            kept = {key: value for key, value in merged.items() if value is not None}
            connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(payload=kept))
        return self.get(job_id)

    def save_document(self, job_id: str, document: Any) -> None:
        """Keep one large JSON value beside the job; None removes it."""
        mine = job_documents.c.job_id == job_id
        with self._engine.begin() as connection:
            if document is None:
                connection.execute(sa.delete(job_documents).where(mine))
            else:
                row = {"job_id": job_id, "document": document}
                connection.execute(upsert(connection, job_documents), row)

    def document(self, job_id: str) -> Any:
        """Read what `save_document` kept, or None."""
        query = sa.select(job_documents.c.document).where(job_documents.c.job_id == job_id)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def add_event(self, job_id: str, now: dt.datetime, kind: str, message: str) -> None:
        """Append one line to the timeline."""
        with self._engine.begin() as connection:
            write_event(connection, job_id, now, kind, message)

    def events(self, job_id: str, limit: int = 500) -> tuple[JobEvent, ...]:
        """The timeline's last `limit` lines, oldest first."""
        query = sa.select(job_events).where(job_events.c.job_id == job_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(job_events.c.id.desc()).limit(limit)).all()
        return tuple(JobEvent(row.at, row.kind, row.message) for row in reversed(rows))

    # order

    def set_priority(self, job_id: str, priority: int) -> Job:
        """Let a job run before all of lower priority."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(priority=priority))
        return self.get(job_id)

    def hurry(self, job_id: str) -> None:
        """Let a queued job that waits for its time start at once."""
        queued = expected_of(job_id, [JobState.QUEUED], None)
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(jobs).where(queued).values(not_before=None, phase=Phase.QUEUED.value)
            )

    def shift(self, job: Job, steps: int) -> bool:
        """Move a waiting job up (negative) or down past others; False when it waits no more."""
        live = jobs.c.live_key.is_not(None) & (jobs.c.kind == job.kind.value)
        with exclusive(self._engine, jobs) as connection:
            rows = connection.execute(sa.select(jobs).where(live).order_by(*QUEUE_ORDER)).all()
            places = moved([one for one in map(job_of, rows) if one.is_in_line], job.id, steps)
            for job_id, place in places.items():
                update = sa.update(jobs).where(jobs.c.id == job_id)
                connection.execute(update.values(place._asdict()))
        return bool(places)

    def forget_ended(self, before: dt.datetime) -> int:
        """Remove jobs that ended before a moment, but for each subject's youngest."""
        newest = sa.select(sa.func.max(jobs.c.created_at)).group_by(jobs.c.kind, jobs.c.subject)
        old = sa.select(jobs.c.id).where(
            jobs.c.finished_at < before, jobs.c.created_at.not_in(newest)
        )
        with self._engine.begin() as connection:
            gone = list(connection.execute(old).scalars())
            for table, column in ((job_events, job_events.c.job_id), (jobs, jobs.c.id)):
                connection.execute(sa.delete(table).where(column.in_(gone)))
            connection.execute(sa.delete(job_documents).where(job_documents.c.job_id.in_(gone)))
        return len(gone)

    def _read(self, query: sa.Select[Any]) -> tuple[Job, ...]:
        with self._engine.connect() as connection:
            return tuple(job_of(row) for row in connection.execute(query).all())

    def _not_movable(self, job_id: str, after: JobState) -> NotRunning:
        state = self.get(job_id).state
        return NotRunning(f"The job is {state.value} by now and cannot become {after.value}.")
