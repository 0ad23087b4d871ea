"""Downloads of models: start, pause, resume, cancel, order, limits, and how they stand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from yipyap_core.domain.download_queue import (
    UNCHANGED,
    DownloadLimits,
    QueueStatus,
    QuietHours,
    Unchanged,
)
from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.jobs import Job, JobKind, JobState
from yipyap_core.domain.models import ModelSpec
from yipyap_core.domain.users import Principal
from yipyap_core.errors import (
    DownloadsDisabled,
    NotRunning,
    UnknownFile,
    UnknownJob,
    UnknownModel,
)
from yipyap_core.jobs.clock import Clock, SystemClock
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.services.downloads.kept import start_over
from yipyap_core.services.downloads.limits import LimitBook
from yipyap_core.services.downloads.plans import kept_plan
from yipyap_core.services.downloads.space import SpaceBook
from yipyap_core.services.downloads.statuses import status_of_job
from yipyap_core.services.downloads.stopped import ENDED, StoppedDownloads
from yipyap_core.services.downloads.views import Catalog, DownloadViews, left_bytes
from yipyap_core.services.events import EventBus
from yipyap_core.stores.jobs import JobStore
from yipyap_core.stores.verified import VerifiedStore


class DownloadsService(DownloadViews):
    """The use cases of the Downloads page and of the endpoints of the same name."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        jobs: JobStore,
        runner: JobRunner,
        verified: VerifiedStore,
        space: SpaceBook,
        limits: LimitBook,
        cache_dir: Path,
        disabled: Callable[[], bool],
        events: EventBus | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Join the parts; nothing runs before the runner is started."""
        super().__init__(
            catalog=catalog,
            jobs=jobs,
            runner=runner,
            verified=verified,
            limits=limits,
            cache_dir=cache_dir,
            disabled=disabled,
            clock=clock or SystemClock(),
        )
        self._verified = verified
        self._space = space
        self.events = events or EventBus()
        self._stopped = StoppedDownloads(self._catalog, jobs, self._presence, cache_dir)
        space.use_meters(runner.view)
        limits.hand_to(runner.set_max_concurrent)
        runner.listen(self._on_change)

    # wishes

    def start(self, principal: Principal, model_id: str) -> tuple[DownloadStatus, bool]:
        """Begin, go on, try again, or join; True when a job is live, False when it is complete.

        Raises `UnknownModel`, `DownloadsDisabled`, and `InsufficientStorage` when it is known
        already that the rest does not fit.
        """
        principal.require_admin()
        spec = self._catalog.get(model_id)
        live = self._jobs.find_live(JobKind.DOWNLOAD, model_id)
        if live is None and self._presence.of(spec).is_complete:
            return self.status(model_id), False
        if self._disabled():
            raise DownloadsDisabled
        if live is not None:
            self._go_on(live)
        else:
            self._begin(principal, spec)
        return self.status(model_id), True

    def pause(self, principal: Principal, model_id: str) -> DownloadStatus:
        """Stop and keep everything; raises `NotRunning` when nothing is live."""
        principal.require_admin()
        live = self._live_job(model_id)
        job = self._runner.pause(live.id, f"Paused by {principal.username}.")
        return self._status_after_stop(live, job)

    def resume(self, principal: Principal, model_id: str) -> DownloadStatus:
        """Go on with a paused or failed download, or let one that waits start at once.

        Raises `NotRunning`, `DownloadsDisabled`, and `InsufficientStorage` for one that waits for
        room that is not there.
        """
        principal.require_admin()
        self._catalog.get(model_id)
        job = self._unfinished_job(model_id)
        if self._disabled():
            raise DownloadsDisabled
        if job.state is JobState.FAILED:
            return self.start(principal, model_id)[0]
        self._go_on(job)
        return self.status(model_id)

    def cancel(self, principal: Principal, model_id: str, keep: bool = True) -> DownloadStatus:
        """Stop for good; without `keep` the unfinished files go, whole ones always stay."""
        principal.require_admin()
        before = self._unfinished_job(model_id)
        if not keep:
            self._jobs.save_payload(before.id, {"discard": True})
        job = self._runner.cancel(before.id)
        self._stopped.clean_up(job)
        try:
            return self._status_after_stop(before, job)
        except UnknownModel:  # forgotten meanwhile, and nothing of it is live any more
            return status_of_job(job)

    def restart_file(self, principal: Principal, model_id: str, path: str) -> DownloadStatus:
        """Fetch one file from its beginning, or hash it anew where it is whole.

        The other files keep what they have. Raises `UnknownFile`, `DownloadsDisabled`.
        """
        principal.require_admin()
        spec = self._catalog.get(model_id)
        if self._disabled():
            raise DownloadsDisabled
        plan = self._plan_of(spec)
        if plan is None or path not in {file.path for file in plan.files}:
            raise UnknownFile(f"{path[:100]!r} is no file of {model_id}, as far as is known.")
        live = self._jobs.find_live(JobKind.DOWNLOAD, model_id)
        if live is not None:
            self._runner.pause(live.id, f"{path} is restarted by {principal.username}.")
        start_over(plan, path, self._verified, self._cache_dir)
        self._presence.drop(spec.repo.folder_name)
        job, joined = self._submit(principal, spec)
        if not joined:
            self._runner.resume(job.id)
        self._jobs.add_event(job.id, self._clock.now(), "restart_file", f"{path}: on request.")
        return self.status(model_id)

    def move(self, principal: Principal, model_id: str, steps: int) -> QueueStatus:
        """Move a waiting download up (negative) or down in the queue."""
        principal.require_admin()
        self._runner.shift(self._live_job(model_id).id, steps)
        return self.queue()

    def prioritise(self, principal: Principal, model_id: str, priority: int) -> QueueStatus:
        """Let a download run before all of lower priority."""
        principal.require_admin()
        self._runner.set_priority(self._live_job(model_id).id, priority)
        return self.queue()

    def set_limits(
        self,
        principal: Principal,
        max_concurrent: int | None = None,
        bandwidth_limit_bps: int | None = None,
        quiet_hours: QuietHours | Unchanged | None = UNCHANGED,
    ) -> QueueStatus:
        """Change all that is given at once, or nothing; raises `Invalid`.

        None leaves a number as it is, a bandwidth of 0 lifts the limit; None lifts quiet hours.
        """
        principal.require_admin()

        def changed(now: DownloadLimits) -> DownloadLimits:
            bandwidth = now.bandwidth_limit_bps
            return DownloadLimits(
                now.max_concurrent if max_concurrent is None else max_concurrent,
                bandwidth if bandwidth_limit_bps is None else bandwidth_limit_bps or None,
                now.quiet_hours if isinstance(quiet_hours, Unchanged) else quiet_hours,
            )

        self._limits.change(changed, actor=principal.username)
        self._runner.wake()
        self._moved()
        return self.queue()

    def set_quiet_hours(self, principal: Principal, hours: QuietHours | None) -> QueueStatus:
        """Set the window in which no download starts; None lifts it."""
        return self.set_limits(principal, quiet_hours=hours)

    # inside

    def _begin(self, principal: Principal, spec: ModelSpec) -> None:
        if missing_bytes := self._missing_bytes(spec):
            self._space.check(missing_bytes)
        self._submit(principal, spec)

    def _missing_bytes(self, spec: ModelSpec) -> int:
        """What a start would fetch, as far as is known: by the cache, or by the last attempt."""
        holding = self._presence.of(spec)
        if holding.plan is not None and holding.plan.files:
            return holding.total_bytes - holding.resumable_bytes
        last = self._latest.of(spec.id)
        plan = kept_plan(self._jobs.document(last.id), spec) if last else None
        return plan.total_bytes if plan else 0

    def _submit(self, principal: Principal, spec: ModelSpec) -> tuple[Job, bool]:
        last = self._latest.of(spec.id)
        if last is not None and last.state is JobState.FAILED:
            self._jobs.save_document(last.id, None)  # the revision may have moved since
        return self._runner.submit(JobKind.DOWNLOAD, spec.id, principal.username)

    def _go_on(self, job: Job) -> None:
        if job.payload.get("waits_for_space"):
            self._space.check(left_bytes(job), but=job.id)
        self._runner.resume(job.id)

    def _live_job(self, model_id: str) -> Job:
        """The job that runs, waits or rests; also that of a model that was forgotten since."""
        job = self._jobs.find_live(JobKind.DOWNLOAD, model_id)
        if job is None:
            self._catalog.get(model_id)
            raise NotRunning("No download of this model is running or waiting.")
        return job

    def _unfinished_job(self, model_id: str) -> Job:
        job = self._latest.of(model_id)
        if job is None or not job.is_live:
            self._catalog.get(model_id)
        if job is None or job.state in ENDED:
            return self._live_job(model_id)
        return job

    def _status_after_stop(self, before: Job, job: Job) -> DownloadStatus:
        ran_here = before.state is JobState.RUNNING and not self._disabled()
        counted = self._stopped.status_of(job) if ran_here else None
        return counted or self.status(job.subject)

    def _on_change(self, job_id: str) -> None:
        """Hear of a job that moved, in whichever thread moved it."""
        try:
            job = self._jobs.get(job_id)
        except UnknownJob:
            return
        if job.kind is not JobKind.DOWNLOAD:
            self._others.touch()
            return
        self._latest.touch()
        self._stopped.clean_up(job)
        self._moved()
        status = status_of_job(self._runner.view(job))
        self.events.publish("download", job.subject, _event_data(status))


def _event_data(status: DownloadStatus) -> dict[str, object]:
    progress = status.progress
    return {
        "status": status.status.value,
        "phase": status.phase.value,
        "progress": round(progress.percent, 2),
        "bytes_done": progress.bytes_done,
        "bytes_total": progress.bytes_total,
        "speed_bps": round(progress.speed_bps),
        "error": status.error.code if status.error else None,
    }
