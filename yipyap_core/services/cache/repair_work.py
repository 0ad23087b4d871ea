"""What a repair job does: fetch a commit's damaged files beside the cache, then replace them.

Nothing of the cache is touched before the right bytes are there and their hashes are checked, so
that a hub that is away costs nothing. What was fetched lies in a folder of the job's own on the
cache's volume, and a later attempt goes on from there.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from yipyap_core.clients.cache_layout import LOCKS_DIR, split_folder
from yipyap_core.domain.downloads import DownloadPlan, RemoteFile
from yipyap_core.domain.jobs import Job, JobState, Phase
from yipyap_core.domain.models import RepoRef, RepoType
from yipyap_core.domain.verification import Mismatch
from yipyap_core.errors import (
    FileNotInRepository,
    HubAnswerInvalid,
    InvalidName,
    RevisionNotFound,
    TransferError,
    UnknownJob,
)
from yipyap_core.jobs.ledger import JobLedger
from yipyap_core.jobs.tokens import JobStopped, StopReason
from yipyap_core.jobs.work import JobContext
from yipyap_core.services.cache.verify import report_of_json
from yipyap_core.services.downloads.fetch import PlanFetch, Transfer
from yipyap_core.services.downloads.resolving import Resolver, resolve
from yipyap_core.services.downloads.space import SpaceBook
from yipyap_core.stores.verified import VerifiedStore
from yipyap_core.transfer import stored_listing
from yipyap_core.transfer.disk import cache_errors, unfinished_bytes
from yipyap_core.transfer.layout import COMMIT, Layout
from yipyap_core.transfer.locks import Patience
from yipyap_core.transfer.placing import is_right, put_in_place
from yipyap_core.transfer.works import works_of

REPAIRS_DIR = f"{LOCKS_DIR}/.yipyap-repair"
"""Beside the trash: the hub's client looks at no such folder."""
KEPT = dt.timedelta(days=7)
"""How long what a failed job has fetched waits for a retry."""
NAMED_FILES = 3


class CacheRepairWorker:
    """Worker of `JobKind.CACHE_REPAIR`; one instance serves all jobs, one at a time."""

    def __init__(
        self,
        *,
        cache_dir: Path,
        hub: Resolver,
        transfer_into: Callable[[Path], Transfer],
        verified: VerifiedStore,
        space: SpaceBook,
        lock_timeout_seconds: float,
    ) -> None:
        """`transfer_into` makes a transfer that writes into another folder than the cache."""
        self._cache_dir = cache_dir
        self._hub = hub
        self._transfer_into = transfer_into
        self._verified = verified
        self._space = space
        self._lock_timeout_seconds = lock_timeout_seconds

    def __call__(self, context: JobContext) -> None:
        """Do one attempt, from wherever the last one stopped."""
        self._sweep(context)
        try:
            self._repair(context)
        except JobStopped as stop:
            if stop.reason is StopReason.CANCEL:
                drop_staged(self._cache_dir, context.job.id)
            raise
        except TransferError as error:
            if not error.retryable:
                drop_staged(self._cache_dir, context.job.id)
            raise
        drop_staged(self._cache_dir, context.job.id)

    def _repair(self, context: JobContext) -> None:
        context.phase(Phase.RESOLVING)
        names = {one.path for one in damage_of(context.job, context.ledger)}
        plan = self._plan(context, names)
        layout = Layout(self._cache_dir, plan.repo, plan.commit)
        if wrong := tuple(self._wrong(context, layout, plan.files)):
            try:
                self._fetch(context, replace(plan, files=wrong))
            except RevisionNotFound as error:
                raise _rewritten(plan.repo) from error
        self._place(context, layout, plan.files)
        _refuse_unlisted(plan, names)

    # resolving

    def _plan(self, context: JobContext, names: set[str]) -> DownloadPlan:
        """The damaged files as the publisher has them: by the stored listing, else by the hub's."""
        commit = context.job.payload["commit"]
        repo = _repo_of(context.job.payload["folder"], commit)
        if not Layout(self._cache_dir, repo, commit).snapshot.is_dir():
            raise _gone(repo)
        listing = stored_listing(self._cache_dir, repo, commit)
        if listing is None or not names <= {file.path for file in listing.files}:
            listing = resolve(context, self._hub, repo)
        if listing.commit != commit:
            raise HubAnswerInvalid(f"The hub named another commit for {commit[:12]}.")
        files = tuple(file for file in listing.files if file.path in names)
        return DownloadPlan(repo, commit, files, listing.files)

    def _wrong(
        self, context: JobContext, layout: Layout, files: Iterable[RemoteFile]
    ) -> Iterator[RemoteFile]:
        """Those whose content is not in the cache; what another program repaired is left out."""
        context.phase(Phase.VERIFYING)
        check = context.token.raise_if_cancelled
        for file in files:
            context.meter.file_started(file.path)
            if not is_right(layout.blob_text(file), file, check):
                yield file

    # transferring

    def _fetch(self, context: JobContext, plan: DownloadPlan) -> None:
        """Have the contents beside the cache, checked."""
        staged = staged_dir(self._cache_dir, context.job.id)
        with cache_errors(self._cache_dir, plan.repo.repo_id):
            staged.mkdir(parents=True, exist_ok=True)
        fetch = PlanFetch(
            transfer=self._transfer_into(staged),
            verified=self._verified,
            space=self._space,
            cache_dir=staged,
        )
        fetch.bring(context, plan)

    # committing

    def _place(self, context: JobContext, layout: Layout, files: Iterable[RemoteFile]) -> None:
        """Replace contents and names; what lay there before is gone only now."""
        context.phase(Phase.COMMITTING)
        if not layout.snapshot.is_dir():
            raise _gone(layout.repo)
        place = staged_dir(self._cache_dir, context.job.id)
        staged = Layout(place, layout.repo, layout.commit)
        for work in works_of(files):
            with cache_errors(layout.blobs, work.file.path, work.file.size_bytes):
                put_in_place(layout, staged, work, self._patience(context, layout, work.file))

    def _patience(self, context: JobContext, layout: Layout, file: RemoteFile) -> Patience:
        def wait(seconds: float) -> None:
            context.token.wait(seconds)
            context.token.raise_if_cancelled()

        return Patience(
            timeout_seconds=self._lock_timeout_seconds,
            wait=wait,
            waiting=lambda why: context.meter.note("waiting_for_lock", why),
            needless=lambda: False,
            signs_of_life=lambda: unfinished_bytes(layout.blobs, file.etag),
        )

    def _sweep(self, context: JobContext) -> None:
        """Free what jobs left that nobody will take up."""
        root = self._cache_dir / REPAIRS_DIR
        for place in root.iterdir() if root.is_dir() else ():
            if not _may_go_on(context, place.name):
                drop_staged(self._cache_dir, place.name)


def damage_of(job: Job, ledger: JobLedger) -> tuple[Mismatch, ...]:
    """What the check that the job repairs has found at its commit, by name."""
    wanted = (job.payload["folder"], job.payload["commit"])
    report = report_of_json(ledger.document(job.payload["verify_id"]))
    found = (one for one in report.mismatches if (one.folder, one.commit) == wanted)
    return tuple(sorted(found, key=lambda one: one.path))


def staged_dir(cache_dir: Path, job_id: str) -> Path:
    """Where a job keeps what it has fetched, laid out as a cache of its own."""
    return cache_dir / REPAIRS_DIR / job_id


def drop_staged(cache_dir: Path, job_id: str) -> None:
    """Free what a job has fetched and not put in place."""
    shutil.rmtree(staged_dir(cache_dir, job_id), ignore_errors=True)


def _repo_of(folder: str, commit: str) -> RepoRef:
    """The repository as the hub knows it; raises `TransferError` for what is none of the hub's."""
    named = split_folder(folder)
    try:
        if named is not None:
            repo = RepoRef(named[1], RepoType(named[0]), commit)
            if repo.folder_name == folder and COMMIT.fullmatch(commit):
                return repo
    except (InvalidName, ValueError):
        pass
    raise TransferError(
        f"No hub can be asked for {folder[:100]!r} at {commit[:40]!r}.",
        code="not_fetchable",
        hint="Remove the revision, and fetch it the way in which it came.",
    )


def _rewritten(repo: RepoRef) -> RevisionNotFound:
    return RevisionNotFound(
        f"The hub no longer has {repo.repo_id} at {repo.revision[:8]}, so nothing can be fetched.",
        hint="Remove the revision, then download the model as the publisher has it now.",
    )


def _gone(repo: RepoRef) -> TransferError:
    return TransferError(
        f"{repo.repo_id} at {repo.revision[:8]} has left the cache since the check.",
        code="revision_gone",
        hint="Nothing is left to repair; verify again.",
    )


def _refuse_unlisted(plan: DownloadPlan, names: set[str]) -> None:
    unlisted = sorted(names - {file.path for file in plan.files})
    if not unlisted:
        return
    shown = ", ".join(unlisted[:NAMED_FILES])
    more = f" and {len(unlisted) - NAMED_FILES} more" if len(unlisted) > NAMED_FILES else ""
    raise FileNotInRepository(
        f"{plan.repo.repo_id} has no {shown}{more} at {plan.commit[:8]}.",
        hint="The publisher never had it there: remove the file or the revision.",
    )


def _may_go_on(context: JobContext, job_id: str) -> bool:
    """Whether what a job has fetched may still be of use to it."""
    try:
        job = context.ledger.get(job_id)
    except UnknownJob:
        return False
    waits = job.state is JobState.FAILED and job.failure is not None and job.failure.retryable
    return job.is_live or (waits and job.updated_at > context.clock.now() - KEPT)
