"""The bookkeeping of the queue: start what is due, write what was done, find what was left.

All that matters is in the ledger: a process that dies at any point loses a second of progress.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Mapping

from yipyap_core.domain.connections import KEY, uses_of_json
from yipyap_core.domain.jobs import Job, JobKind, JobState, Phase
from yipyap_core.errors import NotRunning
from yipyap_core.jobs.attempts import LEASE_SECONDS, Attempt, Attempts
from yipyap_core.jobs.clock import Clock
from yipyap_core.jobs.ledger import LOST, JobLedger
from yipyap_core.jobs.meter import Meter
from yipyap_core.jobs.supervisor import Supervisor
from yipyap_core.jobs.tokens import CancelToken, StopReason
from yipyap_core.jobs.work import Gate, GateKeeper, JobContext, Worker

SAMPLE_SECONDS = 0.25
HEARTBEAT_SECONDS = 1.0
IDLE_SECONDS = 5.0
"""How often an idle dispatcher looks for jobs that another process left behind."""
TIDY_SECONDS = 6 * 3600.0
HISTORY = dt.timedelta(days=365)
"""How long ended jobs are remembered; the last one of each subject stays for ever."""


class Dispatcher:
    """One round of bookkeeping at a time, all from one thread."""

    def __init__(
        self,
        *,
        store: JobLedger,
        workers: Mapping[JobKind, Worker],
        limits: Mapping[JobKind, int],
        attempts: Attempts,
        owner: str,
        clock: Clock,
        supervisor: Supervisor,
        gate: GateKeeper,
        is_alive: Callable[[str], bool | None],
        changed: Callable[[str], None],
        wake: Callable[[], None],
    ) -> None:
        """`limits` is read at each round; `changed` hears the id of each job that changed."""
        self._store = store
        self._workers = workers
        self._limits = limits
        self._attempts = attempts
        self._owner = owner
        self._clock = clock
        self._supervisor = supervisor
        self._gate = gate
        self._is_alive = is_alive
        self._changed = changed
        self._wake = wake
        self._looked_at = float("-inf")
        self._queue_at = float("-inf")
        self._tidied_at = float("-inf")

    def tick(self, *, news: bool = True) -> float:
        """Do what is due; returns the seconds until the next round.

        Without `news` the queue is looked at once a second only.
        """
        for attempt in self._attempts.all():
            self._look_after(attempt)
        now = self._clock.monotonic()
        if now - self._looked_at >= IDLE_SECONDS:
            self._looked_at = now
            self._take_up_abandoned()
        if now - self._tidied_at >= TIDY_SECONDS:
            self._tidied_at = now
            self._store.forget_ended(self._clock.now() - HISTORY)
        if news or now - self._queue_at >= HEARTBEAT_SECONDS:
            self._queue_at = now
            self._start_due()
        return SAMPLE_SECONDS if self._attempts.all() else self._idle_seconds()

    def _look_after(self, attempt: Attempt) -> None:
        meter = attempt.context.meter
        meter.sample()
        now = self._clock.monotonic()
        is_due = now - attempt.written_at >= HEARTBEAT_SECONDS
        if attempt.finished.is_set() or not (is_due or meter.phase is not attempt.written_phase):
            return
        attempt.written_phase, attempt.written_at = meter.phase, now
        self._obey(attempt, attempt.flush())
        self._changed(attempt.job.id)

    def _obey(self, attempt: Attempt, wanted: str | None) -> None:
        verdict = self._gate(attempt.job)
        if wanted == LOST:
            attempt.stop(StopReason.SHUTDOWN)
        elif wanted is not None:
            attempt.stop(StopReason(wanted))
        elif verdict.gate is Gate.STOP:
            attempt.stop(StopReason.PAUSE, verdict.reason)
        elif verdict.gate is Gate.HOLD:
            attempt.stop(StopReason.YIELD, verdict.reason)

    def _take_up_abandoned(self) -> None:
        for job_id, owner, lease_until in self._store.leases():
            if self._is_abandoned(job_id, owner, lease_until):
                self._take_up(job_id, owner)

    def _is_abandoned(self, job_id: str, owner: str, lease_until: dt.datetime) -> bool:
        if owner == self._owner:
            return self._attempts.get(job_id) is None
        alive = self._is_alive(owner)
        # where it can be known it counts, and not a lease: the clock may have been set
        return lease_until < self._clock.now() if alive is None else not alive

    def _take_up(self, job_id: str, owner: str) -> None:
        event = ("resumed_after_restart", "The server ended while it ran; it goes on.")
        try:
            self._store.move(
                job_id,
                [JobState.RUNNING],
                JobState.QUEUED,
                now=self._clock.now(),
                phase=Phase.QUEUED,
                event=event,
                owner=owner,
            )
        except NotRunning:
            return  # its owner, or another process, was faster
        self._changed(job_id)

    def _start_due(self) -> None:
        full: set[JobKind] = set()
        for job in self._store.due(self._clock.now()):
            if job.kind not in self._workers or self._attempts.get(job.id):
                continue
            verdict = self._gate(job)
            if verdict.gate is Gate.STOP:
                self._pause(job, verdict.reason)
            elif verdict.gate is Gate.OPEN and job.kind not in full and not self._launch(job):
                full.add(job.kind)

    def _launch(self, job: Job) -> bool:
        now = self._clock.now()
        claimed = self._store.claim(
            job,
            owner=self._owner,
            lease_until=now + dt.timedelta(seconds=LEASE_SECONDS),
            limit=self._limits[job.kind],
            now=now,
        )
        if claimed is None:
            return False
        attempt = Attempt(self._context(claimed), self._owner)
        self._attempts.add(attempt)
        name = f"job-{job.id[:8]}"
        threading.Thread(target=self._work, args=(attempt,), name=name, daemon=True).start()
        self._changed(job.id)
        return True

    def _context(self, job: Job) -> JobContext:
        meter = Meter(
            self._clock,
            start=job.progress,
            fetched_before=job.fetched_bytes,
            active_before=job.active_seconds,
            uses_before=uses_of_json(job.payload.get(KEY)),
            on_change=self._wake,
        )
        return JobContext(job, CancelToken(self._clock), meter, self._clock, self._store)

    def _work(self, attempt: Attempt) -> None:
        try:
            self._supervisor.supervise(attempt, self._workers[attempt.job.kind])
            self._changed(attempt.job.id)  # before those who wait for the end look at the job
        finally:
            self._attempts.end(attempt)
            self._wake()

    def _pause(self, job: Job, reason: str) -> None:
        try:
            self._store.move(
                job.id,
                [JobState.QUEUED],
                JobState.PAUSED,
                now=self._clock.now(),
                phase=Phase.PAUSED,
                event=(Phase.PAUSED.value, reason),
            )
        except NotRunning:
            return  # a person or another process was faster
        self._changed(job.id)

    def _idle_seconds(self) -> float:
        waiting = [job for job in self._store.live() if job.state is JobState.QUEUED]
        if not waiting:
            return IDLE_SECONDS
        now = self._clock.now()
        # one without a time waits for its gate, or for a place that another process holds
        waits = [
            (job.not_before - now).total_seconds() if job.not_before else HEARTBEAT_SECONDS
            for job in waiting
        ]
        return max(0.01, min(IDLE_SECONDS, *waits)) if waits else IDLE_SECONDS
