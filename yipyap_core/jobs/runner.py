"""Background work as the services use it: submit, pause, resume, cancel, order, look.

One thread does the bookkeeping (`Dispatcher`); each running job has a thread of its own.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from yipyap_core.domain.jobs import Job, JobKind, JobState, Phase, Progress
from yipyap_core.errors import NotRunning
from yipyap_core.jobs import owners
from yipyap_core.jobs.attempts import Attempts
from yipyap_core.jobs.clock import Clock, SystemClock
from yipyap_core.jobs.dispatcher import IDLE_SECONDS, Dispatcher
from yipyap_core.jobs.ledger import JobLedger
from yipyap_core.jobs.retry import RetryPolicy
from yipyap_core.jobs.supervisor import Supervisor
from yipyap_core.jobs.tokens import StopReason
from yipyap_core.jobs.work import GateKeeper, Worker, always_open

log = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0
"""How long pause and cancel wait for the worker to end; it takes milliseconds."""
STOPPED_STATES = {StopReason.PAUSE: JobState.PAUSED, StopReason.CANCEL: JobState.CANCELLED}


class JobRunner:
    """Runs queued jobs in threads, at most `max_concurrent` of each kind at a time."""

    def __init__(
        self,
        store: JobLedger,
        workers: Mapping[JobKind, Worker],
        max_concurrent: int,
        clock: Clock | None = None,
        *,
        retry: RetryPolicy | None = None,
        gate: GateKeeper | None = None,
        is_alive: Callable[[str], bool | None] = owners.is_alive,
        rng: random.Random | None = None,
    ) -> None:
        """Do nothing yet; `gate` says for each job whether it may run now."""
        self._store = store
        self._clock = clock = clock or SystemClock()
        self._limits = dict.fromkeys(workers, max_concurrent)
        self._listeners: list[Callable[[str], None]] = []
        self._attempts = Attempts()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._dispatcher = Dispatcher(
            store=store,
            workers=dict(workers),
            limits=self._limits,
            attempts=self._attempts,
            owner=owners.own_name(),
            clock=clock,
            supervisor=Supervisor(retry or RetryPolicy(), rng or random.Random()),
            gate=gate or always_open,
            is_alive=is_alive,
            changed=self._tell,
            wake=self._wake.set,
        )

    # life

    def start(self) -> None:
        """Take up what a dead process left, and run the queue from now on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
            self._thread.start()

    def stop(self, timeout_seconds: float = 2.0) -> None:
        """Stop all jobs, keeping what they have; they are queued for the next start."""
        deadline = self._clock.monotonic() + timeout_seconds
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_seconds)
        attempts = self._attempts.all()
        for attempt in attempts:
            attempt.stop(StopReason.SHUTDOWN)
        for attempt in attempts:
            attempt.finished.wait(max(0.0, deadline - self._clock.monotonic()))

    def tick(self) -> float:
        """Do one round of bookkeeping by hand, where no thread does it."""
        return self._dispatcher.tick()

    def listen(self, listener: Callable[[str], None]) -> None:
        """Tell `listener` the id of each job that changed, from the thread that changed it."""
        self._listeners.append(listener)

    def wake(self) -> None:
        """Look at the queue at once, such as after a gate opened."""
        self._wake.set()

    # wishes

    def submit(
        self,
        kind: JobKind,
        subject: str,
        actor: str,
        payload: Mapping[str, Any] | None = None,
        priority: int = 0,
    ) -> tuple[Job, bool]:
        """Queue a job; a live one is joined (False), a failed one is tried again (True)."""
        if live := self._store.find_live(kind, subject):
            return live, False
        last = next(iter(self._store.history(kind, subject, 1)), None)
        if last is not None and last.state is JobState.FAILED:
            try:
                return self._retry(last, actor), True
            except NotRunning:  # another process was faster: join what it made
                return self.submit(kind, subject, actor, payload, priority)
        now = self._clock.now()
        if last is not None:  # the youngest is the one made last, even if the clock was set back
            now = max(now, last.created_at + dt.timedelta(microseconds=1))
        job = Job(
            id=secrets.token_hex(16),
            kind=kind,
            subject=subject,
            actor=actor,
            state=JobState.QUEUED,
            phase=Phase.QUEUED,
            progress=Progress(),
            attempt=0,
            priority=priority,
            position=0,
            created_at=now,
            updated_at=now,
            payload=dict(payload or {}),
        )
        job, added = self._store.add(job, f"Queued by {actor}.")
        self._changed(job.id)
        return job, added

    def pause(self, job_id: str, reason: str | None = None) -> Job:
        """Stop a job and keep it; it goes on with `resume`. Raises `NotRunning` when it ended."""
        return self._stop_job(job_id, StopReason.PAUSE, reason)

    def cancel(self, job_id: str) -> Job:
        """Stop a job for good. Raises `NotRunning` when it ended."""
        return self._stop_job(job_id, StopReason.CANCEL, None)

    def resume(self, job_id: str) -> Job:
        """Queue a paused or failed job again; one that waits for its time starts at once."""
        job = self._store.get(job_id)
        if job.state is JobState.FAILED:
            return self._retry(job, None)
        if job.state is JobState.PAUSED:
            self._move(job, JobState.QUEUED, Phase.QUEUED, ("resumed", "Queued again."))
        elif job.state is JobState.QUEUED:
            self._store.hurry(job_id)
        elif job.state is not JobState.RUNNING:
            raise NotRunning(f"The job is {job.state.value}; only a paused one can be resumed.")
        self._changed(job_id)
        return self._store.get(job_id)

    def set_max_concurrent(self, count: int, kind: JobKind = JobKind.DOWNLOAD) -> None:
        """Change the limit, in force at once: what is too much goes back into the queue."""
        self._limits[kind] = count
        running = [job for job in self._store.live(kind) if job.state is JobState.RUNNING]
        for job in running[count:]:
            if attempt := self._attempts.get(job.id):  # else the process that runs it sees to it
                attempt.stop(StopReason.YIELD, "Made room: fewer jobs may run at a time.")
        self._wake.set()

    def set_priority(self, job_id: str, priority: int) -> Job:
        """Let a job run before all of lower priority."""
        job = self._store.set_priority(job_id, priority)
        self._changed(job_id)
        return job

    def shift(self, job_id: str, steps: int) -> None:
        """Move a waiting job up (negative) or down past others; beyond the ends nothing happens."""
        job = self._store.get(job_id)
        if not self._store.shift(job, steps):
            raise NotRunning(f"The job is {job.phase.value}; only a waiting one can be moved.")
        self._changed(job_id)

    # views

    def view(self, job: Job) -> Job:
        """The job with what its meter says at this moment, if it runs in this process."""
        attempt = self._attempts.get(job.id)
        if attempt is None or job.state is not JobState.RUNNING:
            return job
        return attempt.view(job)

    def speeds(self, job_id: str) -> tuple[float, ...]:
        """Bytes a second of the last minute, one a second; empty unless it runs here."""
        attempt = self._attempts.get(job_id)
        return attempt.context.meter.speeds() if attempt else ()

    @property
    def is_busy(self) -> bool:
        """Whether a job runs in this process."""
        return bool(self._attempts.all())

    # parts of wishes

    def _stop_job(self, job_id: str, reason: StopReason, sentence: str | None) -> Job:
        """The job as it was left; what ran here comes with its own last count."""
        counted: Progress | None = None
        for _ in range(3):  # it may change hands between the look and the move
            job = self._store.get(job_id)
            attempt = self._attempts.get(job_id)
            if attempt is not None:
                attempt.stop(reason, sentence)
                if not attempt.finished.wait(ANSWER_SECONDS):
                    return self._store.get(job_id)
                last = attempt.context.meter.snapshot()
                counted = replace(last, speed_bps=0.0, eta_seconds=None)
            elif job.state is JobState.RUNNING:
                self._store.ask(job_id, reason.value)
                return job
            elif job.state is STOPPED_STATES[reason]:
                return replace(job, progress=counted or job.progress)
            elif self._stop_waiting(job, reason, sentence):
                return self._store.get(job_id)
        return self._store.get(job_id)

    def _stop_waiting(self, job: Job, reason: StopReason, sentence: str | None) -> bool:
        state = STOPPED_STATES[reason]
        phase = Phase.PAUSED if reason is StopReason.PAUSE else Phase.CANCELLED
        words = sentence or f"{phase.value.capitalize()}; what arrived is kept."
        try:
            self._move(job, state, phase, (phase.value, words))
        except NotRunning:
            if not self._store.get(job.id).is_live:
                raise
            return False
        self._changed(job.id)
        return True

    def _retry(self, job: Job, actor: str | None) -> Job:
        event = ("retry", f"Queued again by {actor}." if actor else "Queued again.")
        changes = {"attempt": job.attempt + 1, "retries": 0, "not_before": None}
        job = self._move(job, JobState.QUEUED, Phase.QUEUED, event, changes)
        self._changed(job.id)
        return job

    def _move(
        self,
        job: Job,
        after: JobState,
        phase: Phase,
        event: tuple[str, str],
        changes: Mapping[str, Any] | None = None,
    ) -> Job:
        return self._store.move(
            job.id,
            [job.state],
            after,
            now=self._clock.now(),
            phase=phase,
            event=event,
            changes=changes,
        )

    def _run(self) -> None:
        while not self._stopping.is_set():
            news = self._wake.is_set()
            self._wake.clear()
            try:
                seconds = self._dispatcher.tick(news=news)
            except Exception:
                log.exception("the job dispatcher could not do its round; it tries again")
                seconds = IDLE_SECONDS
            self._clock.wait(self._wake, seconds)

    def _changed(self, job_id: str) -> None:
        self._tell(job_id)
        self._wake.set()

    def _tell(self, job_id: str) -> None:
        for listener in self._listeners:
            listener(job_id)
