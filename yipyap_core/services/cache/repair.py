"""Fetches damaged files again: one background job for each commit that a check found damaged."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.jobs import Job, JobKind, JobState
from yipyap_core.domain.models import ModelSpec
from yipyap_core.domain.users import Principal
from yipyap_core.domain.verification import Mismatch
from yipyap_core.errors import DownloadsDisabled, NotRunning, UnknownJob
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.services.cache.repair_work import damage_of, drop_staged
from yipyap_core.services.cache.verify import CacheVerification
from yipyap_core.services.downloads.statuses import status_of_job
from yipyap_core.stores.jobs import JobStore

RECENT = 20
MOST_OF_ONE_CHECK = 1000
SUBJECT_LENGTH = 300


class Registry(Protocol):
    """Knows the registered models."""

    def models(self) -> tuple[ModelSpec, ...]:
        """All of them."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What is done about the damage of one commit; a job, as it stands now."""

    repair_id: str
    verify_id: str
    repo_id: str
    repo_type: str
    commit: str
    files: tuple[str, ...]
    """The damaged ones."""
    status: DownloadStatus
    fetching: tuple[str, ...]
    """Registered models whose repository it is, while the job goes on."""
    problem: str | None = None
    """Why it ended without a repair."""
    by_hand: str | None = None
    """The line that fetches the files where the job did not."""
    removed_files: int = 0
    """Always 0: what is damaged stays until the right bytes have come."""
    trash_id: str | None = None


class CacheRepair:
    """Acts on what a check found."""

    def __init__(
        self,
        *,
        verification: CacheVerification,
        runner: JobRunner,
        jobs: JobStore,
        registry: Registry,
        cache_dir: Path,
        disabled: Callable[[], bool],
    ) -> None:
        """`disabled` says at each start whether downloads are."""
        self._verification = verification
        self._runner = runner
        self._jobs = jobs
        self._registry = registry
        self._cache_dir = cache_dir
        self._disabled = disabled
        self._changed: Callable[[], None] = _nobody
        runner.listen(self._on_change)

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call `changed` when a repair has ended: the cache is another one."""
        self._changed = changed

    def repair(self, principal: Principal, verify_id: str) -> tuple[Repair, ...]:
        """Fetch what a check found damaged, or go on with it; a job that failed is tried again.

        Raises `UnknownJob` and `DownloadsDisabled`.
        """
        principal.require_admin()
        found = self._verification.get(principal, verify_id).report.mismatches
        if self._disabled():
            raise DownloadsDisabled
        places = dict.fromkeys((one.folder, one.commit) for one in found)
        jobs = [self._start(principal, verify_id, *place) for place in places]
        return tuple(map(self._view, jobs))

    def repairs(self, principal: Principal, verify_id: str | None = None) -> tuple[Repair, ...]:
        """List recent repairs, or all of one check; the latest first."""
        principal.require_admin()
        limit = RECENT if verify_id is None else MOST_OF_ONE_CHECK
        history = self._jobs.history(JobKind.CACHE_REPAIR, None, limit)
        wanted = (job for job in history if verify_id in {None, job.payload["verify_id"]})
        return tuple(map(self._view, wanted))

    def running(self, principal: Principal) -> tuple[str, ...]:
        """Ids of the repairs that run or wait; cheap enough for a page that polls."""
        principal.require_admin()
        return tuple(job.id for job in self._jobs.live(JobKind.CACHE_REPAIR))

    def get(self, principal: Principal, repair_id: str) -> Repair:
        """Give one repair; raises `UnknownJob`."""
        principal.require_admin()
        return self._view(self._job(repair_id))

    def cancel(self, principal: Principal, repair_id: str) -> Repair:
        """End a repair; the cache stays as it is."""
        principal.require_admin()
        job = self._runner.cancel(self._job(repair_id).id)
        if not job.is_live:
            drop_staged(self._cache_dir, job.id)
        return self._view(job)

    def in_use(self) -> dict[str, str]:
        """Folders that repairs write into, for whoever wants to delete."""
        live = self._jobs.live(JobKind.CACHE_REPAIR)
        return {job.payload["folder"]: "being repaired" for job in live}

    # parts

    def _start(self, principal: Principal, verify_id: str, folder: str, commit: str) -> Job:
        payload = {"verify_id": verify_id, "folder": folder, "commit": commit}
        subject = _subject(f"{verify_id}:{commit}:{folder}")
        job, is_new = self._runner.submit(
            JobKind.CACHE_REPAIR, subject, principal.username, payload
        )
        with contextlib.suppress(NotRunning):  # it has ended in this moment
            return job if is_new else self._runner.resume(job.id)
        return job

    def _job(self, repair_id: str) -> Job:
        job = self._jobs.get(repair_id)
        if job.kind is not JobKind.CACHE_REPAIR:
            raise UnknownJob("There is no repair with this id.")
        return job

    def _view(self, job: Job) -> Repair:
        damage = damage_of(job, self._jobs)
        folder, commit = job.payload["folder"], job.payload["commit"]
        names = tuple(one.path for one in damage)
        return Repair(
            repair_id=job.id,
            verify_id=job.payload["verify_id"],
            repo_id=damage[0].repo_id if damage else folder,
            repo_type=damage[0].repo_type if damage else "model",
            commit=commit,
            files=names,
            status=status_of_job(self._runner.view(job)),
            fetching=self._registered(folder) if job.is_live else (),
            problem=job.failure.message if job.state is JobState.FAILED and job.failure else None,
            by_hand=self._line(damage) if job.state is JobState.FAILED and damage else None,
        )

    def _registered(self, folder: str) -> tuple[str, ...]:
        models = self._registry.models()
        return tuple(one.id for one in models if one.repo.folder_name == folder)

    def _line(self, damage: tuple[Mismatch, ...]) -> str:
        """By force, since the hub's client takes a damaged file for a whole one."""
        first, names = damage[0], [one.path for one in damage]
        words = ["hf", "download", first.repo_id, *names, "--revision", first.commit]
        if first.repo_type != "model":
            words += ["--repo-type", first.repo_type]
        return shlex.join([*words, "--cache-dir", str(self._cache_dir), "--force-download"])

    def _on_change(self, job_id: str) -> None:
        """Hear of a job that moved, in whichever thread moved it."""
        try:
            job = self._jobs.get(job_id)
        except UnknownJob:
            return
        if job.kind is JobKind.CACHE_REPAIR and not job.is_live:
            self._changed()


def _subject(text: str) -> str:
    """What the store can hold of a name; long ones are told apart by their hash."""
    return text if len(text) <= SUBJECT_LENGTH else hashlib.sha256(text.encode()).hexdigest()


def _nobody() -> None:
    """Nobody wants to know yet."""
