"""How downloads stand: of one model, of all, the queue, what happened, what is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from yipyap_core.domain.download_queue import DownloadLimits, KeptSummary, OtherWork, QueueStatus
from yipyap_core.domain.downloads import DownloadPlan, DownloadStatus
from yipyap_core.domain.jobs import Job, JobEvent, JobKind, JobState, Phase
from yipyap_core.domain.models import ModelSpec
from yipyap_core.errors import UnknownModel
from yipyap_core.jobs.clock import Clock
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.services.background_work import BackgroundWork
from yipyap_core.services.downloads.kept import kept_by_meter, kept_summary
from yipyap_core.services.downloads.limits import LimitBook
from yipyap_core.services.downloads.plans import plan_of_document
from yipyap_core.services.downloads.presence import CachePresence
from yipyap_core.services.downloads.statuses import LatestJobs, StatusBoard, status_of_job
from yipyap_core.stores.jobs import JobStore
from yipyap_core.stores.verified import VerifiedStore

POLL_SECONDS = 1.0
LIVE_SECONDS = 0.25
"""While something runs, what is shown is at most so old."""


class Catalog(Protocol):
    """Knows the models."""

    def get(self, model_id: str) -> ModelSpec:
        """Look one up; raises `UnknownModel`."""

    def models(self) -> tuple[ModelSpec, ...]:
        """List all."""


class DownloadViews:
    """The reading half of the downloads: nothing here changes anything, or asks the hub."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        jobs: JobStore,
        runner: JobRunner,
        verified: VerifiedStore,
        limits: LimitBook,
        cache_dir: Path,
        disabled: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """Join what is known: the registry, the store, the running jobs, the cache."""
        self._catalog = catalog
        self._jobs = jobs
        self._runner = runner
        self._limits = limits
        self._cache_dir = cache_dir
        self._disabled = disabled
        self._clock = clock
        self._others = BackgroundWork(jobs.live, runner.view, clock)
        self._latest = LatestJobs(jobs, clock, self._job_moved)
        self._presence = CachePresence(cache_dir, verified, self._latest.commit_of)
        self._board = StatusBoard(
            jobs=self._latest, runner=runner, presence=self._presence, disabled=disabled
        )
        self._lock = threading.Lock()
        self._generation = 0
        self._seen: tuple[object, ...] = ()
        self._known_ids: set[str] = set()
        self._polled_at = float("-inf")
        self._all: tuple[int, dict[str, DownloadStatus]] = (-1, {})

    @property
    def look_is_due(self) -> bool:
        """Whether the next `generation` reads store and cache: no work for an event loop."""
        return self._clock.monotonic() - self._polled_at >= POLL_SECONDS

    @property
    def generation(self) -> int:
        """A number that moves whenever any status may have changed."""
        self._poll()
        return self._generation

    def status(self, model_id: str) -> DownloadStatus:
        """How one model's download stands; raises `UnknownModel`.

        A model that was forgotten while its download is live is known until that ends.
        """
        try:
            return self._board.of(self._catalog.get(model_id))
        except UnknownModel:
            return status_of_job(self._runner.view(self._orphan(model_id)))

    def statuses(self) -> dict[str, DownloadStatus]:
        """How all stand, by model id."""
        generation = self.generation
        if self._all[0] != generation:
            models = self._catalog.models()
            self._know(models)
            self._all = (self._generation, self._board.all(models))
        return dict(self._all[1])

    def speeds(self, model_id: str) -> tuple[float, ...]:
        """Bytes a second of the last minute, oldest first; empty unless it runs here."""
        job = self._latest.of(model_id)
        return self._runner.speeds(job.id) if job else ()

    def queue(self) -> QueueStatus:
        """Everything live, in order, with the limits in force."""
        live = [self._runner.view(job) for job in self._jobs.live(JobKind.DOWNLOAD)]
        resting = [job for job in live if job.phase is Phase.PAUSED]
        running = [job for job in live if job.state is JobState.RUNNING]
        queued = [job for job in live if job.state is JobState.QUEUED and job not in resting]
        speed = sum(job.progress.speed_bps for job in running)
        left = sum(left_bytes(job) for job in [*running, *queued])
        limits = self._limits.now()
        return QueueStatus(
            running=tuple(map(status_of_job, running)),
            queued=tuple(map(status_of_job, queued)),
            paused=tuple(map(status_of_job, resting)),
            max_concurrent=limits.max_concurrent,
            bandwidth_limit_bps=limits.bandwidth_limit_bps,
            total_speed_bps=speed,
            eta_seconds=left / speed if speed > 1 and left > 0 else None,
            quiet_hours=limits.quiet_hours,
            is_quiet=self._limits.is_quiet(),
        )

    def rules(self) -> tuple[DownloadLimits, bool]:
        """The limits in force, and whether the quiet hours are on; cheap for who polls."""
        return self._limits.now(), self._limits.is_quiet()

    def other_work(self) -> OtherWork:
        """What runs or waits in the background beside these downloads; cheap for who polls."""
        return self._others.now()

    def timeline(self, model_id: str) -> tuple[JobEvent, ...]:
        """What happened in the model's last job, oldest first; raises `UnknownModel`."""
        job = self._latest.of(model_id)
        if job is None or not job.is_live:
            self._catalog.get(model_id)
        return self._jobs.events(job.id) if job else ()

    def job_timeline(self, job_id: str) -> tuple[JobEvent, ...]:
        """What happened in one job, oldest first; raises `UnknownJob`."""
        return self._jobs.events(self._jobs.get(job_id).id)

    def history(self, model_id: str | None = None, limit: int = 50) -> tuple[Job, ...]:
        """Jobs of a model or of all, youngest first."""
        jobs = self._jobs.history(JobKind.DOWNLOAD, model_id, limit)
        return tuple(self._runner.view(job) for job in jobs)

    def what_is_kept(self, model_id: str) -> KeptSummary:
        """What would stay if the download stopped now; raises `UnknownModel`."""
        status = self.status(model_id)
        if running := kept_by_meter(status):
            return running
        try:
            plan = self._plan_of(self._catalog.get(model_id))
        except UnknownModel:
            plan = plan_of_document(self._jobs.document(self._orphan(model_id).id))
        return kept_summary(plan, status.progress.current_file, self._cache_dir)

    def file_names(self, model_id: str) -> tuple[str, ...]:
        """The files of the model's plan, as far as it is known; raises `UnknownModel`."""
        plan = self._plan_of(self._catalog.get(model_id))
        return tuple(sorted(file.path for file in plan.files)) if plan else ()

    def folders_in_use(self) -> Mapping[str, str]:
        """Folders of the cache that downloads need, each with a phrase that says why."""
        found: dict[str, str] = {}
        for job in self._jobs.live(JobKind.DOWNLOAD):
            if folder := self._folder_of(job):
                paused = job.state is JobState.PAUSED
                found[folder] = "its download is paused" if paused else "being downloaded"
        return found

    def refresh(self) -> None:
        """Look at the cache and at the store anew."""
        self._presence.forget()
        self._latest.touch()
        self._moved()

    # inside

    def _orphan(self, model_id: str) -> Job:
        """The live job of a model that the registry does not know any more."""
        job = self._latest.of(model_id)
        if job is None or not job.is_live:
            raise UnknownModel(model_id)
        return job

    def _folder_of(self, job: Job) -> str | None:
        try:
            return self._catalog.get(job.subject).repo.folder_name
        except UnknownModel:
            plan = plan_of_document(self._jobs.document(job.id))
            return plan.repo.folder_name if plan else None  # none: it has not written yet

    def _plan_of(self, spec: ModelSpec) -> DownloadPlan | None:
        job = self._latest.of(spec.id)
        plan = plan_of_document(self._jobs.document(job.id)) if job and job.is_live else None
        return plan or self._presence.plan_of(spec)

    def _job_moved(self, model_id: str) -> None:
        try:
            self._presence.drop(self._catalog.get(model_id).repo.folder_name)
        except UnknownModel:
            return  # nobody asks for it any more

    def _know(self, models: tuple[ModelSpec, ...]) -> None:
        """Notice models that were added or forgotten."""
        ids = {spec.id for spec in models}
        if ids != self._known_ids:
            self._known_ids = ids
            self._moved()

    def _moved(self) -> None:
        with self._lock:
            self._generation += 1

    def _poll(self) -> None:
        """Notice what other processes changed, once a second, and that time passes."""
        now = self._clock.monotonic()
        if self.look_is_due:
            self._polled_at = now
            jobs = self._latest.all()
            running = {name for name, job in jobs.items() if job.state is JobState.RUNNING}
            models = self._catalog.models()
            self._know(models)
            self._presence.look_at(spec for spec in models if spec.id not in running)
        slot = int(now / LIVE_SECONDS) if self._runner.is_busy else 0
        found = (self._latest.generation, self._presence.generation)
        seen = (*found, self._disabled(), slot)
        if seen != self._seen:
            self._seen = seen
            self._moved()


def left_bytes(job: Job) -> int:
    """What a job still has to bring."""
    return max(0, job.progress.bytes_total - job.progress.bytes_done)
