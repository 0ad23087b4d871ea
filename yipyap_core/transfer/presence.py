"""What of a plan is in the cache already; reads names and sizes only, no network, no hashing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.transfer.layout import Layout
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
    layout = Layout(cache_dir, plan.repo, plan.commit)
    linked = {file.path for file in plan.files if layout.is_linked(file)}
    whole: list[str] = []
    partials: dict[str, int] = {}
    kept = 0
    for work in works_of(plan.files):
        names = [file.path for file in work.names]
        if set(names) <= linked or layout.has_blob(work.file):
            whole += names
            kept += work.file.size_bytes
        elif found := kept_spans(layout, work.file)[0].total:
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
