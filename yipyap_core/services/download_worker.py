"""What a download job does: resolve, reserve, transfer, verify; each step is stored."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, Protocol

from yipyap_core.domain.downloads import DownloadPlan, RepoSnapshot, make_plan
from yipyap_core.domain.jobs import Failure, Phase
from yipyap_core.domain.models import ModelSpec, RepoRef
from yipyap_core.errors import (
    DiskFull,
    FileNotInRepository,
    HashMismatch,
    InsufficientStorage,
    YipyapError,
)
from yipyap_core.jobs.work import JobContext, Postponed
from yipyap_core.services.download_control import JobControl, VerifiedRecord
from yipyap_core.services.download_plans import document_of, kept_plan
from yipyap_core.services.download_space import SpaceBook
from yipyap_core.services.download_verify import damaged_files, remove_damaged
from yipyap_core.sizes import size_words
from yipyap_core.stores.verified import VerifiedStore
from yipyap_core.transfer import TransferControl, present


class Resolver(Protocol):
    """Says what a repository holds at the commit that its revision points to."""

    def resolve(self, repo: RepoRef) -> RepoSnapshot:
        """Ask the hub; raises `TransferError`."""


class Transfer(Protocol):
    """Brings a plan's files into the cache."""

    def run(self, plan: DownloadPlan, *, control: TransferControl) -> None:
        """Return when all files are in their place; raises `TransferError`."""


class Catalog(Protocol):
    """Knows the models."""

    def get(self, model_id: str) -> ModelSpec:
        """Look one up; raises `UnknownModel`."""


class DownloadWorker:
    """Worker of `JobKind.DOWNLOAD`; one instance serves all jobs."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        hub: Resolver,
        transfer: Transfer,
        verified: VerifiedStore,
        space: SpaceBook,
        cache_dir: Path,
        full_wait_seconds: float = 15.0,
    ) -> None:
        """`space` is shared with the service that starts jobs.

        A volume that says full is left alone for `full_wait_seconds`, whatever room it reports:
        it may be a quota.
        """
        self._catalog = catalog
        self._hub = hub
        self._transfer = transfer
        self._verified = verified
        self._space = space
        self._cache_dir = cache_dir
        self._full_wait_seconds = full_wait_seconds

    def __call__(self, context: JobContext) -> None:
        """Do one attempt, from wherever the last one stopped."""
        plan = self._plan(context, self._catalog.get(context.job.subject))
        self._reserve(context, plan)
        record = VerifiedRecord(context, self._verified, plan, self._cache_dir)
        try:
            self._fetch(context, plan, record)
            self._verify(context, plan, record)
        finally:
            record.flush()
        context.save(verified=True)

    # resolving

    def _plan(self, context: JobContext, spec: ModelSpec) -> DownloadPlan:
        context.phase(Phase.RESOLVING)
        if plan := kept_plan(context.document(), spec):
            return plan
        snapshot = _abandonable(context, lambda: self._hub.resolve(spec.repo))
        plan = make_plan(snapshot, spec.allow_patterns, spec.ignore_patterns)
        if not plan.files:
            sentence = f"{spec.repo_id} has no file that matches the model's patterns."
            raise FileNotInRepository(sentence)
        context.keep(document_of(spec, snapshot))
        context.save(commit=plan.commit, known_good=_is_known_good(spec, plan))
        context.meter.note("resolved", _resolved_sentence(spec, plan))
        return plan

    # reserving

    def _reserve(self, context: JobContext, plan: DownloadPlan) -> None:
        context.phase(Phase.CHECKING_SPACE)
        missing_bytes = self._measure(context, plan)
        try:
            self._space.reserve(context.job, missing_bytes)
        except InsufficientStorage as error:
            if not context.job.payload.get("needs_space"):
                raise
            self._wait_for_space(context, error)  # it was promised room, which is gone
        context.save(waits_for_space=None)

    def _measure(self, context: JobContext, plan: DownloadPlan) -> int:
        """Show what is on the disk; returns the bytes that are not."""
        presence = present(plan, self._cache_dir)
        kept = presence.kept_bytes + presence.partial_bytes
        context.meter.set_plan(
            bytes_total=plan.total_bytes,
            files_total=len(plan.files),
            kept_bytes=kept,
            kept_files=len(presence.present_files),
            kept_whole_bytes=presence.kept_bytes,
        )
        return plan.total_bytes - kept

    # transferring

    def _fetch(self, context: JobContext, plan: DownloadPlan, record: VerifiedRecord) -> None:
        context.phase(Phase.TRANSFERRING)
        try:
            self._transfer.run(plan, control=JobControl(context, record))
        except DiskFull as error:
            self._wait_for_space(context, error)

    def _wait_for_space(self, context: JobContext, error: YipyapError) -> NoReturn:
        context.save(waits_for_space=True)
        raise Postponed(_full(error), "waits_for_space", self._full_wait_seconds) from error

    # verifying

    def _verify(self, context: JobContext, plan: DownloadPlan, record: VerifiedRecord) -> None:
        """Hash what was in the cache before and what another program fetched meanwhile.

        A damaged file is removed and fetched again once.
        """
        damaged = damaged_files(context, plan, record, self._cache_dir)
        if not damaged:
            return
        for file in damaged:
            remove_damaged(plan, file, self._cache_dir)
            record.forget(file)
            context.meter.note(
                "restart_file", f"{file.path} in the cache is damaged: fetched anew."
            )
        self._measure(context, plan)
        self._fetch(context, plan, record)
        still = damaged_files(context, plan, record, self._cache_dir)
        if still:
            raise HashMismatch(f"{still[0].path} arrived twice with another hash.")


def _abandonable(context: JobContext, ask: Callable[[], RepoSnapshot]) -> RepoSnapshot:
    """Wait for a call that knows no cancellation; on cancellation it is left to itself."""
    found: list[RepoSnapshot] = []
    errors: list[YipyapError] = []
    done = threading.Event()

    def call() -> None:
        try:
            found.append(ask())
        except YipyapError as error:
            errors.append(error)
        finally:
            done.set()

    withdraw = context.token.on_cancel(done.set)
    threading.Thread(target=call, name="resolve", daemon=True).start()
    done.wait()
    withdraw()
    context.token.raise_if_cancelled()
    if found:
        return found[0]
    raise errors[0] if errors else RuntimeError("resolving ended without an answer")


def _full(error: YipyapError) -> Failure:
    hint = "Free space on the HF Cache page; the download goes on by itself when there is room."
    return Failure(error.code, error.message, hint, retryable=True)


def _is_known_good(spec: ModelSpec, plan: DownloadPlan) -> bool:
    return plan.commit in spec.known_good_commits


def _resolved_sentence(spec: ModelSpec, plan: DownloadPlan) -> str:
    known = " (known to be good)" if _is_known_good(spec, plan) else ""
    size = f"{len(plan.files)} files, {size_words(plan.total_bytes)}"
    return f"{spec.revision} is commit {plan.commit[:12]}{known}: {size}."
