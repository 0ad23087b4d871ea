"""What the runner needs of a store; the SQL one satisfies it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Protocol

from yipyap_core.domain.jobs import Failure, Job, JobKind, JobState, Phase, Progress

LOST = "lost"
"""What `heartbeat` answers when the job belongs to another process by now."""


class JobLedger(Protocol):
    """Jobs that outlive the process; every change of state is conditional on the one expected."""

    def add(self, job: Job, message: str) -> tuple[Job, bool]:
        """Queue a job, or return the live one of its subject and False."""

    def get(self, job_id: str) -> Job:
        """Read one job."""

    def find_live(self, kind: JobKind, subject: str) -> Job | None:
        """Find the job that a further start of `subject` joins."""

    def live(self, kind: JobKind | None = None) -> tuple[Job, ...]:
        """All queued, running and paused jobs, in the order in which they would start."""

    def history(
        self, kind: JobKind, subject: str | None = None, limit: int = 50
    ) -> tuple[Job, ...]:
        """Jobs of one kind, youngest first."""

    def due(self, now: dt.datetime) -> tuple[Job, ...]:
        """Queued jobs whose time has come, in order."""

    def claim(
        self, job: Job, *, owner: str, lease_until: dt.datetime, limit: int, now: dt.datetime
    ) -> Job | None:
        """Make a queued job run in this process; None when it or its place was taken."""

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
        """Write progress, extend the lease; answer what is wanted of the owner, or `LOST`."""

    def ask(self, job_id: str, wanted: str) -> None:
        """Leave a wish for the process that runs the job."""

    def leases(self) -> tuple[tuple[str, str, dt.datetime], ...]:
        """Every running job as (id, owner, end of its lease)."""

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
        """Change the state if it is one of `before`, and write the timeline's line with it."""

    def hurry(self, job_id: str) -> None:
        """Let a queued job that waits for its time start at once."""

    def save_payload(self, job_id: str, changes: Mapping[str, Any]) -> Job:
        """Merge `changes` into the payload."""

    def save_document(self, job_id: str, document: Any) -> None:
        """Keep one large JSON value beside the job."""

    def document(self, job_id: str) -> Any:
        """Read what `save_document` kept."""

    def add_event(self, job_id: str, now: dt.datetime, kind: str, message: str) -> None:
        """Append one line to the timeline."""

    def set_priority(self, job_id: str, priority: int) -> Job:
        """Let a job run before all of lower priority."""

    def shift(self, job: Job, steps: int) -> bool:
        """Move a waiting job up (negative) or down past others; False when it waits no more."""

    def forget_ended(self, before: dt.datetime) -> int:
        """Remove jobs that ended before a moment, but for each subject's youngest."""
