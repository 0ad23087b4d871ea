"""What a worker is and what it gets; the contract between the runner and the kinds of jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from yipyap_core.domain.jobs import Failure, Job, Phase
from yipyap_core.jobs.clock import Clock
from yipyap_core.jobs.ledger import JobLedger
from yipyap_core.jobs.meter import Meter
from yipyap_core.jobs.tokens import CancelToken


@dataclass(frozen=True, slots=True)
class JobContext:
    """One attempt of a job, as its worker sees it."""

    job: Job
    """As it was when the attempt began."""
    token: CancelToken
    meter: Meter
    clock: Clock
    ledger: JobLedger

    def save(self, **changes: Any) -> None:
        """Store values in the payload; a later attempt finds them, also after a crash."""
        self.ledger.save_payload(self.job.id, changes)

    def keep(self, document: Any) -> None:
        """Store one large value; a later attempt reads it with `document`."""
        self.ledger.save_document(self.job.id, document)

    def document(self) -> Any:
        """Read what `keep` stored, or None."""
        return self.ledger.document(self.job.id)

    def phase(self, phase: Phase) -> None:
        """Enter a phase, unless the job is to stop."""
        self.token.raise_if_cancelled()
        self.meter.set_phase(phase)


Worker = Callable[[JobContext], None]
"""Does the job and returns when it is done.

It lets `JobStopped` pass, raises `YipyapError` for a failure that people can read, and `Postponed`
to be queued again until the runner's gate lets it through.
"""


class Postponed(Exception):
    """The job cannot go on now, but will by itself once its gate opens."""

    def __init__(self, failure: Failure, kind: str, wait_seconds: float) -> None:
        """`failure` is shown meanwhile; `kind` names the line in the timeline.

        It waits at least `wait_seconds`, whatever the gate says.
        """
        super().__init__(failure.message)
        self.failure = failure
        self.kind = kind
        self.wait_seconds = wait_seconds


class Gate(StrEnum):
    """Whether a job may run at this moment, as the services see it."""

    OPEN = "open"
    CLOSED = "closed"
    """It does not start; one that runs goes on."""
    HOLD = "hold"
    """It does not start, and one that runs goes back into the queue."""
    STOP = "stop"
    """It is paused, whether it waits or runs."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate's answer, with the sentence for the timeline when it stops a job."""

    gate: Gate
    reason: str = ""


GateKeeper = Callable[[Job], Verdict]


def always_open(job: Job) -> Verdict:  # noqa: ARG001 - any job
    """Let every job run at any time."""
    return Verdict(Gate.OPEN)
