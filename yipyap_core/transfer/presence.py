"""What of a plan is in the cache already; reads names and sizes only, no network, no hashing."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.domain.downloads import DownloadPlan, RemoteFile
from yipyap_core.transfer.disk import inodes_in, status_of
from yipyap_core.transfer.layout import RECORD_SUFFIX, Layout
from yipyap_core.transfer.partial import discard, kept_spans
from yipyap_core.transfer.works import works_of


@dataclass(frozen=True, slots=True)
class Presence:
    """What a start would not have to fetch."""

    complete: bool
    """Every file of the plan has its name in the snapshot and a content of the right size."""
    present_files: tuple[str, ...]
    """Files whose content is whole, also where only the name is missing."""
    kept_bytes: int
    """Of whole contents, each blob once."""
    partial_bytes: int
    """Of unfinished ones, as far as a start goes on from them."""
    partials: Mapping[str, int]
    """The unfinished files and how much of each is there."""


def present(plan: DownloadPlan, cache_dir: Path) -> Presence:
    """Look at the cache as it is now, whoever filled it."""
    look = _Look(Layout(cache_dir, plan.repo, plan.commit))
    linked = {file.path for file in plan.files if look.is_linked(file)}
    whole: list[str] = []
    partials: dict[str, int] = {}
    kept = 0
    for work in works_of(plan.files):
        names = [file.path for file in work.names]
        is_whole = linked.issuperset(names) or look.has_blob(work.file)
        found = 0 if is_whole else look.partial_bytes(work.file)
        if is_whole or (not found and look.became_whole(work.file)):
            whole += names
            kept += work.file.size_bytes
        elif found:
            partials[work.file.path] = found
    return Presence(
        complete=len(linked) == len(plan.files),
        present_files=tuple(whole),
        kept_bytes=kept,
        partial_bytes=sum(partials.values()),
        partials=partials,
    )


def discard_partials(plan: DownloadPlan, cache_dir: Path) -> int:
    """Delete what is unfinished of the plan, for who cancels and keeps nothing; returns bytes."""
    layout = Layout(cache_dir, plan.repo, plan.commit)
    return sum(discard(layout, work.file) for work in works_of(plan.files))


class _Look:
    """One look at a commit's folders; their listings say of most files that they are not there.

    A listing costs little, and each file that is asked for by its name a system call or three:
    who stops a run of ten thousand files waits for the answer.
    """

    def __init__(self, layout: Layout) -> None:
        """List the contents; what comes later is for the next look."""
        self._layout = layout
        self._blobs = inodes_in(str(layout.blobs))
        self._names_in = functools.cache(inodes_in)

    def is_linked(self, file: RemoteFile) -> bool:
        """As `Layout.is_linked`."""
        name = self._layout.pointer_text(file)
        folder, _, leaf = name.rpartition("/")
        if leaf not in self._names_in(folder) and leaf.isascii():  # others a volume may respell
            return False
        found = status_of(name)
        if found is None or found.st_size != file.size_bytes:
            return False
        return found.st_ino == self._blobs.get(file.etag) or self._layout.is_linked(file)

    def has_blob(self, file: RemoteFile) -> bool:
        """As `Layout.has_blob`."""
        return file.etag in self._blobs and self._layout.has_blob(file)

    def partial_bytes(self, file: RemoteFile) -> int:
        """What there is of an unfinished file."""
        return kept_spans(self._layout, file)[0].total if self._was_begun(file) else 0

    def became_whole(self, file: RemoteFile) -> bool:
        """Whether it was unfinished when the look began, and is whole now."""
        return self._was_begun(file) and self._layout.has_blob(file)

    def _was_begun(self, file: RemoteFile) -> bool:
        return file.etag + RECORD_SUFFIX in self._blobs
