"""Downloads that were stopped: what they leave behind, and how they stand at that moment."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from yipyap_core.domain.downloads import DownloadPlan, DownloadState, DownloadStatus
from yipyap_core.domain.jobs import Job, JobKind, JobState, Phase, Progress
from yipyap_core.errors import UnknownModel
from yipyap_core.services.downloads.kept import begun_in, remove_partials
from yipyap_core.services.downloads.plans import plan_of_document
from yipyap_core.services.downloads.presence import CachePresence
from yipyap_core.services.downloads.statuses import status_of_job
from yipyap_core.services.downloads.views import Catalog
from yipyap_core.stores.jobs import JobStore

ENDED = frozenset({JobState.DONE, JobState.CANCELLED})


class StoppedDownloads:
    """Asked at the moment of the stop, by someone who waits: no file is looked at without need."""

    def __init__(
        self, catalog: Catalog, jobs: JobStore, presence: CachePresence, cache_dir: Path
    ) -> None:
        """Join what is known; `presence` hears of what is removed."""
        self._catalog = catalog
        self._jobs = jobs
        self._presence = presence
        self._cache_dir = cache_dir
        self._cleaning = threading.Lock()

    def status_of(self, job: Job) -> DownloadStatus | None:
        """How it stands, by its own last count; the next question looks at the disk.

        None where the count does not tell: all is there, or others may be fetching parts of it.
        """
        counted = job.progress
        kept = _kept_bytes(job)
        if kept is None or kept >= counted.bytes_total or self._may_be_others(job):
            return None
        if job.state is JobState.PAUSED:
            progress = replace(counted, bytes_done=kept, fleeting_bytes=0)
            return status_of_job(replace(job, progress=progress))
        return _cancelled(job, kept) if job.state is JobState.CANCELLED else None

    def clean_up(self, job: Job) -> None:
        """Drop what only an unfinished job needs, and its partial files when they are to go.

        Each thread that hears of the end asks for it: one does it, the others wait for that.
        """
        if job.state not in ENDED:
            return
        with self._cleaning:
            if job.state is JobState.CANCELLED and job.payload.get("discard"):
                self._discard(job)
            self._jobs.save_document(job.id, None)

    def _discard(self, job: Job) -> None:
        if self._has_begun(job.subject):
            plan = self._plan_of(job)
            if plan is not None:
                remove_partials(plan, self._other_plans(job), self._cache_dir)
                self._presence.drop(plan.repo.folder_name)

    def _plan_of(self, job: Job) -> DownloadPlan | None:
        """The job's own plan; of one that has none yet, that of what an earlier one left."""
        if plan := plan_of_document(self._jobs.document(job.id)):
            return plan
        try:
            return self._presence.plan_of(self._catalog.get(job.subject))
        except UnknownModel:
            return None

    def _other_plans(self, job: Job) -> list[DownloadPlan]:
        others = [one for one in self._jobs.live(JobKind.DOWNLOAD) if one.id != job.id]
        plans = [plan_of_document(self._jobs.document(one.id)) for one in others]
        return [plan for plan in plans if plan is not None]

    def _may_be_others(self, job: Job) -> bool:
        """What is left of unfinished files although they were to go is somebody else's."""
        return bool(job.payload.get("discard")) and self._has_begun(job.subject)

    def _has_begun(self, model_id: str) -> bool:
        """Whether unfinished files lie in the model's folder; also where that is not known."""
        try:
            return bool(begun_in(self._catalog.get(model_id).repo, self._cache_dir))
        except UnknownModel:
            return True


def _kept_bytes(job: Job) -> int | None:
    if job.payload.get("discard"):
        return job.progress.whole_bytes
    return job.progress.bytes_done - job.progress.fleeting_bytes


def _cancelled(job: Job, kept_bytes: int) -> DownloadStatus:
    counted = job.progress
    return DownloadStatus(
        model_id=job.subject,
        status=DownloadState.NOT_STARTED,
        phase=Phase.CANCELLED,
        progress=Progress(kept_bytes, counted.bytes_total, counted.files_done, counted.files_total),
        resumable_bytes=kept_bytes,
        resolved_commit=job.payload.get("commit"),
    )
