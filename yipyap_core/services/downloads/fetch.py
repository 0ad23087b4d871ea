"""Brings the files of a plan into a cache folder and checks them: room first, then the bytes."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn, Protocol

from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.domain.jobs import Failure, Phase
from yipyap_core.errors import DiskFull, HashMismatch, InsufficientStorage, YipyapError
from yipyap_core.jobs.work import JobContext, Postponed
from yipyap_core.services.downloads.control import JobControl, VerifiedRecord
from yipyap_core.services.downloads.space import SpaceBook
from yipyap_core.services.downloads.verify import damaged_files, remove_damaged
from yipyap_core.sizes import size_words
from yipyap_core.stores.verified import VerifiedStore
from yipyap_core.transfer import TransferControl, present

FULL_WAIT_SECONDS = 15.0


class Transfer(Protocol):
    """Brings a plan's files into the cache."""

    def run(self, plan: DownloadPlan, *, control: TransferControl) -> None:
        """Return when all files are in their place; raises `TransferError`."""


class PlanFetch:
    """The steps that follow a plan; one instance serves all jobs of its folder."""

    def __init__(
        self,
        *,
        transfer: Transfer,
        verified: VerifiedStore,
        space: SpaceBook,
        cache_dir: Path,
        full_wait_seconds: float = FULL_WAIT_SECONDS,
    ) -> None:
        """`transfer` writes into `cache_dir`; `space` is shared with whoever starts jobs.

        A volume that says full is left alone for `full_wait_seconds`, whatever room it reports:
        it may be a quota.
        """
        self._transfer = transfer
        self._verified = verified
        self._space = space
        self._cache_dir = cache_dir
        self._full_wait_seconds = full_wait_seconds

    def bring(self, context: JobContext, plan: DownloadPlan) -> None:
        """Have every file there, its hash checked, when this returns; raises `TransferError`.

        Raises `Postponed` where the volume is full.
        """
        self._reserve(context, plan)
        record = VerifiedRecord(context, self._verified, plan, self._cache_dir)
        try:
            self._fetch(context, plan, record)
            self._verify(context, plan, record)
        finally:
            record.flush()

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
            self._wait_for_space(context, self._full_for(plan, error))

    def _full_for(self, plan: DownloadPlan, error: DiskFull) -> DiskFull:
        """What all of the plan needs, not only the file that met the end: that is waited for."""
        there = present(plan, self._cache_dir)
        left = plan.total_bytes - there.kept_bytes - there.partial_bytes
        needed = max(left, error.needed_bytes)
        sentence = (
            f"The volume of the cache is full: {size_words(needed)} more are needed,"
            f" {size_words(error.free_bytes)} are free."
        )
        return DiskFull(sentence, needed_bytes=needed, free_bytes=error.free_bytes)

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


def _full(error: YipyapError) -> Failure:
    hint = "Free space on the HF Cache page; the download goes on by itself when there is room."
    return Failure(error.code, error.message, hint, retryable=True)
