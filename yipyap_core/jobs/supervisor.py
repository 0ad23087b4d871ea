"""Runs one worker and turns however it ends into the job's next state."""

from __future__ import annotations

import datetime as dt
import logging
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from yipyap_core.domain.jobs import Failure, JobState, Phase
from yipyap_core.errors import Conflict, NotFound, YipyapError
from yipyap_core.jobs.attempts import Attempt
from yipyap_core.jobs.retry import RetryPolicy
from yipyap_core.jobs.tokens import JobStopped, StopReason
from yipyap_core.jobs.work import Postponed, Worker

log = logging.getLogger(__name__)

PROGRESS_BYTES = 256 << 10
"""So many bytes more on the disk than at the attempt's start make its failure the first again;
what was fetched and lost does not count, else a hopeless line would go on for ever."""

BY_ITSELF = "It is tried again by itself soon; nothing needs to be done."


@dataclass(frozen=True, slots=True)
class Outcome:
    """The move that ends an attempt."""

    state: JobState
    phase: Phase
    event: tuple[str, str]
    failure: Failure | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


class Supervisor:
    """Boundary around workers: nothing that they raise goes further."""

    def __init__(self, retry: RetryPolicy, rng: random.Random) -> None:
        """Retry by `retry`, with jitter from `rng`."""
        self._retry = retry
        self._rng = rng

    def supervise(self, attempt: Attempt, worker: Worker) -> None:
        """Run the worker to its end and store what became of the job; never raises."""
        try:
            self._store(attempt, self._outcome(attempt, worker))
        except (Conflict, NotFound) as error:
            log.warning("job %s is no longer ours: %s", attempt.job.id, error)
        except Exception:
            # the job stays "running" without a thread; the runner finds and queues it again
            log.exception("the end of job %s could not be stored", attempt.job.id)

    def _outcome(self, attempt: Attempt, worker: Worker) -> Outcome:
        try:
            worker(attempt.context)
        except JobStopped as stop:
            return _stopped(stop.reason, attempt.stop_sentence)
        except Postponed as wait:
            event = (wait.kind, wait.failure.message)
            changes = {"not_before": _later(attempt, wait.wait_seconds)}
            return Outcome(JobState.QUEUED, Phase.PAUSED, event, wait.failure, changes)
        except YipyapError as error:
            return self._failed(attempt, error)
        except Exception:
            incident = secrets.token_hex(4)
            log.exception("job %s ended unexpectedly, incident %s", attempt.job.id, incident)
            return _unexpected(incident)
        return Outcome(JobState.DONE, Phase.DONE, (Phase.DONE.value, "Complete and verified."))

    def _failed(self, attempt: Attempt, error: YipyapError) -> Outcome:
        failure = Failure.of(error)
        gained = attempt.context.meter.snapshot().bytes_done - attempt.job.progress.bytes_done
        retries = 0 if gained >= PROGRESS_BYTES else attempt.job.retries
        delay = self._retry.delay_seconds(error, retries, self._rng)
        if delay is None:
            log.warning("job %s failed: %s (%s)", attempt.job.id, error.message, error.code)
            return Outcome(JobState.FAILED, Phase.IDLE, ("failed", error.message), failure)
        changes = {
            "not_before": _later(attempt, delay),
            "retries": retries + 1,
            "attempt": attempt.job.attempt + 1,
        }
        failure = replace(failure, hint=BY_ITSELF)
        event = ("retry", f"{error.message} Retry in {delay:.0f} seconds.")
        return Outcome(JobState.QUEUED, Phase.QUEUED, event, failure, changes)

    def _store(self, attempt: Attempt, outcome: Outcome) -> None:
        context = attempt.context
        attempt.flush(last=True)
        context.ledger.move(
            attempt.job.id,
            [JobState.RUNNING],
            outcome.state,
            now=context.clock.now(),
            phase=outcome.phase,
            event=outcome.event,
            failure=outcome.failure,
            owner=attempt.owner,
            changes=outcome.changes,
        )


def _later(attempt: Attempt, seconds: float) -> dt.datetime:
    return attempt.context.clock.now() + dt.timedelta(seconds=seconds)


def _stopped(reason: StopReason, sentence: str | None) -> Outcome:
    if reason is StopReason.PAUSE:
        event = (Phase.PAUSED.value, sentence or "Paused; what arrived is kept.")
        return Outcome(JobState.PAUSED, Phase.PAUSED, event)
    if reason is StopReason.CANCEL:
        return Outcome(JobState.CANCELLED, Phase.CANCELLED, (Phase.CANCELLED.value, "Cancelled."))
    event = ("stopped", sentence or "The server stopped; it goes on at the next start.")
    return Outcome(JobState.QUEUED, Phase.QUEUED, event)


def _unexpected(incident: str) -> Outcome:
    message = f"An unexpected error ended the job (incident {incident})."
    failure = Failure.of(YipyapError(message))
    return Outcome(JobState.FAILED, Phase.IDLE, ("failed", message), failure)
