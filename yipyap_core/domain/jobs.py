"""A background job as a value: its states, the legal moves between them, and its progress."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from yipyap_core.errors import NotRunning, TransferError, YipyapError


class JobKind(StrEnum):
    """What a job does; a runner has one worker function a kind."""

    DOWNLOAD = "download"
    OLLAMA_PULL = "ollama_pull"
    CACHE_VERIFY = "cache_verify"
    CACHE_REPAIR = "cache_repair"


FETCHES_FROM_THE_HUB = frozenset({JobKind.DOWNLOAD, JobKind.CACHE_REPAIR})
"""What needs room in the cache and the line to the hub, and obeys the limits of downloads."""


class JobState(StrEnum):
    """Where a job stands, coarse; what it is busy with is its `Phase`."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FAILED = "failed"
    DONE = "done"


class Phase(StrEnum):
    """What a job is busy with, fine; the words are part of the HTTP contract."""

    IDLE = "idle"
    QUEUED = "queued"
    RESOLVING = "resolving"
    CHECKING_SPACE = "checking_space"
    TRANSFERRING = "transferring"
    STALLED = "stalled"
    VERIFYING = "verifying"
    COMMITTING = "committing"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset(
        {
            JobState.QUEUED,  # the server was stopped, or a retry waits for its time
            JobState.PAUSED,
            JobState.CANCELLED,
            JobState.FAILED,
            JobState.DONE,
        }
    ),
    JobState.PAUSED: frozenset({JobState.QUEUED, JobState.CANCELLED}),
    JobState.FAILED: frozenset({JobState.QUEUED, JobState.CANCELLED}),
    JobState.CANCELLED: frozenset(),
    JobState.DONE: frozenset(),
}
"""The only moves a job may make; a retry of a failed job queues the same job again."""

LIVE = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED})
"""States of a job that another start of the same subject joins."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, as page and API show it."""

    code: str
    message: str
    hint: str
    retryable: bool

    @classmethod
    def of(cls, error: YipyapError) -> Failure:
        """Take the words of one of our own errors."""
        retryable = isinstance(error, TransferError) and error.retryable
        return cls(error.code, error.message, error.hint, retryable)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is, at one moment; an immutable snapshot for readers."""

    bytes_done: int = 0
    bytes_total: int = 0
    files_done: int = 0
    files_total: int = 0
    current_file: str | None = None
    speed_bps: float = 0.0
    eta_seconds: float | None = None
    settled: bool = False
    """Nothing is left to do: every byte is there, checked and in its place."""
    whole_bytes: int | None = None
    """Those of `bytes_done` that make whole files; None where only another process knows."""
    unfinished_files: int = 0
    """Files that have begun and are not whole."""
    fleeting_bytes: int = 0
    """Those of `bytes_done` that a stop would lose: a client that fetches for us keeps nothing."""
    unhashed_bytes: int = 0
    """Of files of which nothing but the hash is left to do, so much has still to be hashed."""

    @property
    def percent(self) -> float:
        """Share of the bytes, 0..100; 100 only when `settled`."""
        if self.settled:
            return 100.0
        if self.bytes_total <= 0:
            return 0.0
        return min(99.9, 100.0 * self.bytes_done / self.bytes_total)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One line of a job's timeline."""

    at: dt.datetime
    kind: str
    """A phase, or a word such as `retry`, `restart_file`, `resumed_after_restart`."""
    message: str


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of background work, as the store holds it."""

    id: str
    kind: JobKind
    subject: str
    """What it works on: a model id, an Ollama name, a repository."""
    actor: str
    state: JobState
    phase: Phase
    progress: Progress
    attempt: int
    priority: int
    """Higher runs earlier; equal ones in the order of `position`."""
    position: int
    created_at: dt.datetime
    updated_at: dt.datetime
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    not_before: dt.datetime | None = None
    """A retry waits until this moment; stored before the wait."""
    failure: Failure | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    """JSON values that the kind's worker understands, such as the resolved commit."""
    retries: int = 0
    """Automatic retries in a row without progress; a retry by a person starts from 0."""
    fetched_bytes: int = 0
    """What came over the network, all attempts together."""
    active_seconds: float = 0.0
    """How long a worker was at it, all attempts together."""

    @property
    def is_live(self) -> bool:
        """Whether a further start joins this job."""
        return self.state in LIVE

    @property
    def is_in_line(self) -> bool:
        """Whether it is queued and rests for nothing, such as room on the disk."""
        return self.state is JobState.QUEUED and self.phase is not Phase.PAUSED


def check_transition(before: JobState, after: JobState) -> None:
    """Raise `NotRunning` for a move that `TRANSITIONS` does not list."""
    if after not in TRANSITIONS[before]:
        raise NotRunning(f"A job that is {before.value} cannot become {after.value}.")
