"""What an unfinished download has on the disk, and how it is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yipyap_core.domain.download_queue import KeptSummary
from yipyap_core.domain.downloads import DownloadPlan, DownloadStatus
from yipyap_core.domain.jobs import Phase
from yipyap_core.domain.models import RepoRef
from yipyap_core.stores.verified import VerifiedStore
from yipyap_core.transfer import present
from yipyap_core.transfer.disk import cache_errors, inodes_in
from yipyap_core.transfer.layout import Layout
from yipyap_core.transfer.partial import discard_unless_fetched


def kept_summary(plan: DownloadPlan | None, current: str | None, cache_dir: Path) -> KeptSummary:
    """Count what is whole and what is not; of the latter `current`, else the largest, is named."""
    if plan is None:
        return KeptSummary(0, 0, 0)
    presence = present(plan, cache_dir)
    sizes = presence.partials
    largest = max(sizes, key=lambda name: sizes[name], default=None)
    return KeptSummary(
        files_done=len(presence.present_files),
        files_total=len(plan.files),
        kept_bytes=presence.kept_bytes,
        current_file=current if current in sizes else largest,
        current_bytes=presence.partial_bytes,
        unfinished_files=len(sizes),
    )


def kept_by_meter(status: DownloadStatus) -> KeptSummary | None:
    """What a transfer that runs in this process has; None for all else.

    It knows of bytes that the disk's records claim only when it stops.
    """
    progress = status.progress
    is_running = status.phase in {Phase.TRANSFERRING, Phase.STALLED}
    if not is_running or progress.whole_bytes is None:
        return None
    return KeptSummary(
        files_done=progress.files_done,
        files_total=progress.files_total,
        kept_bytes=progress.whole_bytes,
        current_file=progress.current_file,
        current_bytes=progress.bytes_done - progress.whole_bytes - progress.fleeting_bytes,
        unfinished_files=progress.unfinished_files,
        lost_bytes=progress.fleeting_bytes,
    )


def begun_in(repo: RepoRef, cache_dir: Path) -> set[str]:
    """The contents of a repository, by their hash, of which something unfinished is there."""
    names = inodes_in(str(cache_dir / repo.folder_name / "blobs"))
    return {name.partition(".")[0] for name in names if "." in name}


def remove_partials(plan: DownloadPlan, needed_by: Sequence[DownloadPlan], cache_dir: Path) -> None:
    """Delete the plan's unfinished files, but for those that others need.

    `needed_by` names the other plans of this store; programs beside it are known by their locks.
    """
    needed = {(other.repo.folder_name, file.etag) for other in needed_by for file in other.files}
    layout = Layout(cache_dir, plan.repo, plan.commit)
    begun = begun_in(plan.repo, cache_dir)
    for file in plan.files:
        if file.etag in begun and (plan.repo.folder_name, file.etag) not in needed:
            with cache_errors(layout.blobs, file.path):
                discard_unless_fetched(layout, file)


def start_over(plan: DownloadPlan, path: str, verified: VerifiedStore, cache_dir: Path) -> None:
    """Forget all that is known of one file: its unfinished bytes, or that its hash was right.

    A whole content stays; the next run hashes it and replaces it only if it is damaged, since
    other revisions may lead to it too.
    """
    layout = Layout(cache_dir, plan.repo, plan.commit)
    for file in plan.files:
        if file.path == path:
            verified.forget(plan.repo.folder_name, file.etag)
            with cache_errors(layout.blobs, path):
                discard_unless_fetched(layout, file)
