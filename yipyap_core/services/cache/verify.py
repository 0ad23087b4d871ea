"""Checks what the cache holds against the publisher's hashes, as a background job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yipyap_core.clients.cache_verify import (
    VerifyTarget,
    VerifyWork,
    hash_stored,
    mismatches_of,
    plan_work,
)
from yipyap_core.clients.hub_cache import HubCache
from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.jobs import Job, JobKind, JobState, Phase
from yipyap_core.domain.users import Principal
from yipyap_core.domain.verification import Damage, Mismatch, VerifyReport
from yipyap_core.domain.verified import BlobStamp
from yipyap_core.errors import UnknownJob
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.jobs.work import JobContext
from yipyap_core.services.downloads.statuses import status_of_job
from yipyap_core.stores.jobs import JobStore
from yipyap_core.stores.verified import VerifiedStore

EVERYTHING = "*"
"""Subject of a job that checks the whole cache; otherwise it is the folder."""
RECENT = 20


@dataclass(frozen=True, slots=True)
class VerifyView:
    """One check, with the fields that every job has and what it has found so far."""

    verify_id: str
    folder: str | None
    """None: the whole cache."""
    actor: str
    status: DownloadStatus
    report: VerifyReport
    finished: bool


class CacheVerifyWorker:
    """Does one check; the worker of `JobKind.CACHE_VERIFY`.

    What was found is kept after each repository, so that a restart goes on with the next.
    """

    def __init__(self, *, cache: HubCache, verified: VerifiedStore) -> None:
        """Read this cache; remember in `verified` what was right."""
        self._cache = cache
        self._verified = verified

    def __call__(self, context: JobContext) -> None:
        """Check what the job's subject names; mismatches are its result, not its failure."""
        context.phase(Phase.VERIFYING)
        report = report_of_json(context.document())
        works = [work for work in self._works(context.job.subject) if work]
        left = [work for work in works if work.detail.folder not in report.repositories]
        kept = sum(work.size_bytes for work in works) - sum(work.size_bytes for work in left)
        context.meter.set_plan(
            bytes_total=sum(work.size_bytes for work in works),
            files_total=sum(len(work.targets) for work in works),
            kept_bytes=kept,
            kept_files=sum(len(work.targets) for work in works if work not in left),
        )
        context.meter.add_kept_bytes(kept)
        for work in left:
            report += self._check(context, work)
            context.keep(report_to_json(report))

    def _works(self, subject: str) -> Iterable[VerifyWork | None]:
        folders = [subject] if subject != EVERYTHING else sorted(self._cache.scan().repos)
        return (plan_work(self._cache.cache_dir, folder) for folder in folders)

    def _check(self, context: JobContext, work: VerifyWork) -> VerifyReport:
        root = self._cache.cache_dir / work.detail.folder
        sound: list[BlobStamp] = []
        damaged: list[Mismatch] = []
        for target in work.targets:
            before = _stamp(root, work.detail.folder, target)
            wrong, is_there = self._compare(context, work, root, target)
            if wrong:
                damaged += wrong
                self._verified.forget(work.detail.folder, target.expected)
                context.meter.note("damaged", f"{work.detail.repo_id}: {target.names[0][1]}")
            elif is_there:
                sound += before if before == _stamp(root, work.detail.folder, target) else []
        self._verified.remember(sound, context.clock.now())
        return VerifyReport(
            len(work.targets),
            work.size_bytes,
            work.unverifiable_files,
            (*work.found, *damaged),
            (work.detail.folder,),
        )

    def _compare(
        self, context: JobContext, work: VerifyWork, root: Path, target: VerifyTarget
    ) -> tuple[list[Mismatch], bool]:
        """What is wrong with one content, and whether it is still there."""
        try:
            actual = self._hash(context, work, root, target)
        except OSError as error:
            words = error.strerror or "it cannot be read"
            return list(mismatches_of(work.detail, target, unreadable=words)), True
        if actual in {None, target.expected}:
            return [], actual is not None
        return list(mismatches_of(work.detail, target, actual=actual)), True

    def _hash(
        self, context: JobContext, work: VerifyWork, root: Path, target: VerifyTarget
    ) -> str | None:
        context.meter.file_started(f"{work.detail.repo_id}/{target.names[0][1]}")
        read = 0

        def count(size_bytes: int) -> None:
            nonlocal read
            context.token.raise_if_cancelled()
            context.meter.add_bytes(size_bytes)
            read += size_bytes

        try:
            actual = hash_stored(root, target, count)
        except OSError:
            context.meter.add_kept_bytes(max(0, target.size_bytes - read))  # what nobody can read
            raise
        context.meter.file_done()
        return actual


class CacheVerification:
    """Use cases of checks."""

    def __init__(self, *, runner: JobRunner, jobs: JobStore) -> None:
        """Queue jobs with `runner`, read them from `jobs`."""
        self._runner = runner
        self._jobs = jobs

    def start(self, principal: Principal, folder: str | None = None) -> VerifyView:
        """Check one repository or all, or join the check that runs."""
        principal.require_admin()
        subject = folder or EVERYTHING
        job, _ = self._runner.submit(JobKind.CACHE_VERIFY, subject, principal.username)
        return self._view(job)

    def checks(self, principal: Principal) -> tuple[VerifyView, ...]:
        """List recent checks, the latest first."""
        principal.require_admin()
        history = self._jobs.history(JobKind.CACHE_VERIFY, None, RECENT)
        return tuple(self._view(job) for job in history)

    def running(self, principal: Principal) -> tuple[str, ...]:
        """Ids of the checks that run or wait; cheap enough for a page that polls."""
        principal.require_admin()
        return tuple(job.id for job in self._jobs.live(JobKind.CACHE_VERIFY))

    def get(self, principal: Principal, verify_id: str) -> VerifyView:
        """Give one check; raises `UnknownJob`."""
        principal.require_admin()
        return self._view(self._job(verify_id))

    def cancel(self, principal: Principal, verify_id: str) -> VerifyView:
        """End a check; what it found so far stays."""
        principal.require_admin()
        return self._view(self._runner.cancel(self._job(verify_id).id))

    def _job(self, verify_id: str) -> Job:
        job = self._jobs.get(verify_id)
        if job.kind is not JobKind.CACHE_VERIFY:
            raise UnknownJob("There is no check with this id.")
        return job

    def _view(self, job: Job) -> VerifyView:
        return VerifyView(
            verify_id=job.id,
            folder=None if job.subject == EVERYTHING else job.subject,
            actor=job.actor,
            status=status_of_job(self._runner.view(job)),
            report=report_of_json(self._jobs.document(job.id)),
            finished=job.state is JobState.DONE,
        )


def report_to_json(report: VerifyReport) -> dict[str, Any]:
    """Write a report as values that JSON knows."""
    return asdict(report)


def report_of_json(kept: Mapping[str, Any] | None) -> VerifyReport:
    """Read what `report_to_json` wrote; an empty report for nothing."""
    if not kept:
        return VerifyReport()
    found = (Mismatch(**{**one, "kind": Damage(one["kind"])}) for one in kept["mismatches"])
    folders = tuple(kept["repositories"])
    return VerifyReport(**{**kept, "mismatches": tuple(found), "repositories": folders})


def _stamp(root: Path, folder: str, target: VerifyTarget) -> list[BlobStamp]:
    try:
        status = (root / target.stored).stat()
    except OSError:
        return []
    return [BlobStamp(folder, target.expected, status.st_size, status.st_mtime_ns)]
