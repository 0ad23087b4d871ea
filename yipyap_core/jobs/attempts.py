"""The jobs that run in this process at this moment."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass, field, replace

from yipyap_core.domain.connections import KEY, HostUse, uses_to_json
from yipyap_core.domain.jobs import Job, JobKind, Phase
from yipyap_core.jobs.ledger import LOST
from yipyap_core.jobs.tokens import StopReason
from yipyap_core.jobs.work import JobContext

LEASE_SECONDS = 30.0
"""A job whose owner has not written for so long may be taken up by another process."""


@dataclass(slots=True)
class Attempt:
    """One claimed job in this process, from claim to outcome."""

    context: JobContext
    owner: str
    finished: threading.Event = field(default_factory=threading.Event)
    written_at: float = float("-inf")
    """When its heartbeat was last written, by the monotonic clock."""
    written_phase: Phase | None = None
    stop_sentence: str | None = None
    """Why the runner itself stopped it, for the timeline."""
    _written_uses: tuple[HostUse, ...] = ()
    _writing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def job(self) -> Job:
        """The job as it was claimed."""
        return self.context.job

    def stop(self, reason: StopReason, sentence: str | None = None) -> None:
        """Tell the worker to stop; the first reason stays."""
        self.stop_sentence = self.stop_sentence or sentence
        self.context.token.cancel(reason)

    def flush(self, *, last: bool = False) -> str | None:
        """Write the timeline's lines, phase, progress and lease; answer what is wanted of the job.

        The dispatcher and the job's own thread both call it: one at a time, so that the last
        counters are written last. The connections are written when they are others, and exactly
        with the `last` flush.
        """
        with self._writing:
            wanted = self._flush()
            if wanted != LOST:
                self._write_uses(exactly=last)
            return wanted

    def view(self, job: Job) -> Job:
        """The job as stored, completed with what the meter says at this moment."""
        meter = self.context.meter
        fetched, seconds = meter.totals
        return replace(
            job,
            phase=meter.phase,
            progress=meter.snapshot(),
            fetched_bytes=fetched,
            active_seconds=seconds,
            payload={**job.payload, KEY: uses_to_json(meter.connections)},
        )

    def _write_uses(self, *, exactly: bool) -> None:
        uses, written = self.context.meter.connections, self._written_uses
        if uses != written and (exactly or _shapes(uses) != _shapes(written)):
            self.context.ledger.save_payload(self.job.id, {KEY: uses_to_json(uses)})
            self._written_uses = uses

    def _flush(self) -> str | None:
        context = self.context
        for event in context.meter.drain_events():
            context.ledger.add_event(self.job.id, event.at, event.kind, event.message)
        now = context.clock.now()
        return context.ledger.heartbeat(
            self.job.id,
            owner=self.owner,
            phase=context.meter.phase,
            progress=context.meter.snapshot(),
            totals=context.meter.totals,
            lease_until=now + dt.timedelta(seconds=LEASE_SECONDS),
            now=now,
        )


def _shapes(uses: tuple[HostUse, ...]) -> list[tuple[object, ...]]:
    return [use.shape for use in uses]


class Attempts:
    """The running jobs by id, for the threads that start, end, stop and show them."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._by_id: dict[str, Attempt] = {}

    def add(self, attempt: Attempt) -> None:
        """Note a claimed job, before its thread starts."""
        with self._lock:
            self._by_id[attempt.job.id] = attempt

    def end(self, attempt: Attempt) -> None:
        """Forget a job whose outcome is stored, and wake who waits for it."""
        with self._lock:
            self._by_id.pop(attempt.job.id, None)
        attempt.finished.set()

    def get(self, job_id: str) -> Attempt | None:
        """Find a running job of this process."""
        return self._by_id.get(job_id)

    def all(self, kind: JobKind | None = None) -> list[Attempt]:
        """List the running jobs of this process."""
        with self._lock:
            found = list(self._by_id.values())
        return [one for one in found if kind is None or one.job.kind is kind]
