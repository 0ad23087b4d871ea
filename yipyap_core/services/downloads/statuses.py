"""How each model's download stands, put together from its job and from what the cache holds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from yipyap_core.domain.downloads import (
    STATE_OF_JOB,
    DownloadState,
    DownloadStatus,
)
from yipyap_core.domain.jobs import Job, JobKind, JobState, Phase, Progress
from yipyap_core.domain.models import ModelSpec
from yipyap_core.jobs.clock import Clock
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.services.downloads.presence import CachePresence, Holding
from yipyap_core.stores.jobs import JobStore

REREAD_SECONDS = 1.0
"""How old the view of the store and of the cache may be: other processes change both."""
EARLIER_JOBS = 10
"""So far back it is looked for what an earlier job of a model has left."""


class LatestJobs:
    """The youngest download job of each model; read anew after a change, else once a second."""

    def __init__(self, store: JobStore, clock: Clock, changed: Callable[[str], None]) -> None:
        """Read nothing yet; `changed` hears the model of each job that a look found changed."""
        self._store = store
        self._clock = clock
        self._changed = changed
        self._lock = threading.Lock()
        self._jobs: Mapping[str, Job] = {}
        self._commits: dict[str, tuple[str, str | None]] = {}
        self._read_at = float("-inf")
        self._generation = 0
        # readings, numbered in the order in which they began
        self._begun = self._taken = 0
        # changes that were told of, and how many of them the jobs at hand have in them
        self._touches, self._seen = 1, 0

    @property
    def generation(self) -> int:
        """Moves when a look found other jobs than the one before."""
        return self._generation

    def touch(self) -> None:
        """Whoever asks from now on gets a reading that begins now or later."""
        with self._lock:
            self._touches += 1

    def all(self) -> Mapping[str, Job]:
        """Model id -> job."""
        now = self._clock.monotonic()
        if self._seen < self._touches or now - self._read_at >= REREAD_SECONDS:
            self._read_at = now
            self._read()
        return self._jobs

    def _read(self) -> None:
        with self._lock:
            self._begun += 1
            number, touches = self._begun, self._touches
        jobs = self._store.latest(JobKind.DOWNLOAD)
        with self._lock:
            if number < self._taken:  # whoever began later has read something newer
                return
            self._taken, self._seen = number, touches
            before, self._jobs = self._jobs, jobs
            moved = [name for name, job in jobs.items() if before.get(name) != job]
            self._generation += bool(moved)
        for model_id in moved:
            self._changed(model_id)

    def of(self, model_id: str) -> Job | None:
        """The model's job, if it ever had one."""
        return self.all().get(model_id)

    def commit_of(self, model_id: str) -> str | None:
        """The commit that the model's last job resolved to; until it has, that of one before.

        What an earlier job left is there, and kept, while the next one still waits in the queue.
        """
        job = self._jobs.get(model_id)
        if job is None:
            return None
        return _commit_in(job) or self._commit_before(job)

    def _commit_before(self, job: Job) -> str | None:
        job_id, commit = self._commits.get(job.subject, ("", None))
        if job_id != job.id:
            past = self._store.history(JobKind.DOWNLOAD, job.subject, EARLIER_JOBS)
            commit = next(filter(None, map(_commit_in, past)), None)
            self._commits[job.subject] = (job.id, commit)
        return commit


def _commit_in(job: Job) -> str | None:
    commit = job.payload.get("commit")
    return commit if isinstance(commit, str) else None


class StatusBoard:
    """Answers for one model or for all, from memory wherever nothing has moved."""

    def __init__(
        self,
        *,
        jobs: LatestJobs,
        runner: JobRunner,
        presence: CachePresence,
        disabled: Callable[[], bool],
    ) -> None:
        """`disabled` is asked at each answer."""
        self._jobs = jobs
        self._runner = runner
        self._presence = presence
        self._disabled = disabled

    def of(self, spec: ModelSpec) -> DownloadStatus:
        """How one model's download stands."""
        job = self._jobs.of(spec.id)
        if job is None or not job.is_live or self._disabled():
            return self._resting(spec, job)
        if job.state is JobState.RUNNING:
            return status_of_job(self._runner.view(job))
        return status_of_job(_as_on_disk(job, self._presence.of(spec)))

    def all(self, specs: Iterable[ModelSpec]) -> dict[str, DownloadStatus]:
        """How all stand."""
        return {spec.id: self.of(spec) for spec in specs}

    def _resting(self, spec: ModelSpec, job: Job | None) -> DownloadStatus:
        holding = self._presence.of(spec)
        if holding.is_complete:
            return _completed(spec, holding, job)
        if self._disabled():
            return _empty(spec, holding, DownloadState.DISABLED, Phase.IDLE)
        if job is not None and job.state is JobState.FAILED:
            return status_of_job(_as_on_disk(job, holding))
        cancelled = job is not None and job.state is JobState.CANCELLED
        phase = Phase.CANCELLED if cancelled else Phase.IDLE
        return _empty(spec, holding, DownloadState.NOT_STARTED, phase)


def status_of_job(job: Job) -> DownloadStatus:
    """How a download stands by its job."""
    return DownloadStatus(
        model_id=job.subject,
        status=STATE_OF_JOB[job.state],
        phase=job.phase,
        progress=job.progress,
        attempt=job.attempt,
        verified=job.state is JobState.DONE,
        error=job.failure,
        resumable_bytes=job.progress.bytes_done - job.progress.fleeting_bytes,
        resolved_commit=job.payload.get("commit"),
        started_at=job.started_at,
        finished_at=job.finished_at,
        updated_at=job.updated_at,
        job_id=job.id,
        priority=job.priority,
        position=job.position,
    )


def _completed(spec: ModelSpec, holding: Holding, job: Job | None) -> DownloadStatus:
    assert holding.plan is not None
    total, files = holding.total_bytes, len(holding.plan.files)
    ours = job if job is not None and job.state is JobState.DONE else None
    return DownloadStatus(
        model_id=spec.id,
        status=DownloadState.COMPLETED,
        phase=Phase.DONE,
        progress=Progress(total, total, files, files, settled=True),
        attempt=ours.attempt if ours else 0,
        verified=holding.verified,
        resolved_commit=holding.plan.commit,
        resumable_bytes=total,
        started_at=ours.started_at if ours else None,
        finished_at=ours.finished_at if ours else None,
        updated_at=ours.updated_at if ours else None,
        job_id=ours.id if ours else None,
    )


def _empty(
    spec: ModelSpec, holding: Holding, status: DownloadState, phase: Phase
) -> DownloadStatus:
    presence = holding.presence
    return DownloadStatus(
        model_id=spec.id,
        status=status,
        phase=phase,
        progress=Progress(
            bytes_done=holding.resumable_bytes,
            bytes_total=holding.total_bytes,
            files_done=len(presence.present_files) if presence else 0,
            files_total=len(holding.plan.files) if holding.plan else 0,
        ),
        resumable_bytes=holding.resumable_bytes,
        resolved_commit=holding.plan.commit if holding.plan else None,
    )


def _as_on_disk(job: Job, holding: Holding) -> Job:
    """A job that does not run, with what the disk really holds; files may have been deleted."""
    if holding.plan is None or holding.presence is None:
        progress = replace(job.progress, bytes_done=0, files_done=0, whole_bytes=0)
    else:
        progress = replace(
            job.progress,
            bytes_done=holding.resumable_bytes,
            bytes_total=holding.total_bytes,
            files_done=len(holding.presence.present_files),
            files_total=len(holding.plan.files),
            whole_bytes=holding.presence.kept_bytes,
            unfinished_files=len(holding.presence.partials),
        )
    return replace(job, progress=progress)
