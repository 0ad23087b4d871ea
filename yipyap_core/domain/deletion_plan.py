"""Works out what leaves a repository's folder, and what the volume gains by it, exactly.

The moves are in an order that keeps the cache sound at every step: refs, then listings, then
snapshots, then blobs that nothing else links to. Everything here is pure, so that properties can
be checked over any number of caches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from yipyap_core.domain.deletion import (
    WHOLE,
    PlanItem,
    RepoDetail,
    RepoPlan,
    Selection,
    SnapshotEntry,
)


def plan_repo(
    detail: RepoDetail, selection: Selection, held: frozenset[str] = frozenset()
) -> RepoPlan:
    """Choose what leaves the folder; `held` names blobs that other repositories link to."""
    if _takes_all(detail, selection):
        if not held:
            return _whole(detail)
        selection = _everything(detail)
    going = _going(detail, selection)
    staying = [entry for entries in going.staying.values() for entry in entries]
    needed = {entry.stored for entry in staying if entry.stored} | held
    dropped = _stored_entries(entry for entries in going.gone.values() for entry in entries)
    candidates = dropped | (detail.unreferenced if selection.unreferenced else frozenset())
    blobs = sorted(path for path in candidates - needed if path in detail.files)
    partials = sorted(path for path in selection.partials if path in detail.partials)
    moved_blobs = [path for path in blobs if path.startswith("blobs/")]
    moves = [
        *going.refs,
        *going.listings,
        *going.folders,
        *going.links,
        *moved_blobs,
        *(move for path in partials for move in (*detail.sidecars.get(path, ()), path)),
    ]
    return RepoPlan(
        folder=detail.folder,
        repo_id=detail.repo_id,
        repo_type=detail.repo_type,
        moves=tuple(moves),
        commits=tuple(sorted(going.commits)),
        freed=(
            *(detail.files[path] for path in blobs),
            *(detail.partials[path] for path in partials),
        ),
        shared_with=tuple(sorted(_sharing(going.staying, dropped))),
    )


@dataclass(slots=True)
class _Going:
    """Which names of a repository leave and which stay."""

    commits: set[str] = field(default_factory=set)
    refs: list[str] = field(default_factory=list)
    listings: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    gone: dict[str, list[SnapshotEntry]] = field(default_factory=dict)
    staying: dict[str, list[SnapshotEntry]] = field(default_factory=dict)


def _going(detail: RepoDetail, selection: Selection) -> _Going:
    going = _Going()
    for revision in detail.revisions:
        commit = revision.commit
        if revision.listing and commit in selection.commits | selection.listings:
            going.listings.append(revision.listing)
        if commit in selection.commits:
            going.commits.add(commit)
            going.refs += [f"refs/{ref}" for ref in revision.refs]
            going.folders.append(f"snapshots/{commit}")
            going.gone[commit] = list(revision.entries)
            continue
        chosen = [e for e in revision.entries if (commit, e.path) in selection.entries]
        going.links += [f"snapshots/{commit}/{entry.path}" for entry in chosen]
        going.gone[commit] = chosen
        going.staying[commit] = [entry for entry in revision.entries if entry not in chosen]
    return going


def _takes_all(detail: RepoDetail, selection: Selection) -> bool:
    """Whether nothing with content would stay, so that the folder can go as it is."""
    if selection.whole:
        return True
    commits = {revision.commit for revision in detail.revisions}
    loose = detail.unreferenced and not selection.unreferenced
    partials = set(detail.partials) - selection.partials
    return bool(commits) and commits <= selection.commits and not loose and not partials


def _everything(detail: RepoDetail) -> Selection:
    commits = frozenset(revision.commit for revision in detail.revisions)
    partials = frozenset(detail.partials)
    return Selection(detail.folder, commits=commits, partials=partials, unreferenced=True)


def _whole(detail: RepoDetail) -> RepoPlan:
    return RepoPlan(
        folder=detail.folder,
        repo_id=detail.repo_id,
        repo_type=detail.repo_type,
        moves=(WHOLE,),
        commits=tuple(sorted(revision.commit for revision in detail.revisions)),
        freed=(*detail.files.values(), *detail.partials.values()),
        shared_with=(),
    )


def _sharing(staying: Mapping[str, Sequence[SnapshotEntry]], dropped: set[str]) -> set[str]:
    return {
        commit
        for commit, entries in staying.items()
        if any(entry.stored in dropped for entry in entries)
    }


def _stored_entries(entries: Iterable[SnapshotEntry]) -> set[str]:
    return {entry.stored for entry in entries if entry.stored}


References = Mapping[str, frozenset[str] | None]
"""Payload of the shared store -> the blobs that link to it, relative to the cache.

None where that is not known: such a payload is never freed.
"""


def freed_by_plan(plans: Sequence[RepoPlan], references: References) -> list[int]:
    """Say for each plan what the volume gains, so that their sum is exact.

    A file with several names counts once, and only when all its names go; a shared payload only
    when all blobs that link to it go. Such bytes count for the first plan that has them.
    """
    names: dict[tuple[int, int], int] = defaultdict(int)
    moved = {f"{plan.folder}/{file.path}" for plan in plans for file in plan.freed}
    for plan in plans:
        for file in plan.freed:
            names[file.inode] += file.payload is None
    counted: set[object] = set()
    return [_freed(plan, names, moved, references, counted) for plan in plans]


def _freed(
    plan: RepoPlan,
    names: Mapping[tuple[int, int], int],
    moved: set[str],
    references: References,
    counted: set[object],
) -> int:
    total = 0
    for file in plan.freed:
        key: object = file.payload or file.inode
        if key in counted:
            continue
        if file.payload is None:
            goes = names[file.inode] >= file.links
        else:
            known = references.get(file.payload)
            goes = bool(known) and moved.issuperset(known or ())
        if goes:
            counted.add(key)
            total += file.size_bytes
    return total


def item_of(plan: RepoPlan, freed_bytes: int) -> PlanItem:
    """Show what leaves a repository as one item of a plan."""
    return PlanItem(
        folder=plan.folder,
        repo_id=plan.repo_id,
        repo_type=plan.repo_type,
        revisions=plan.commits,
        files=len(plan.freed),
        bytes=freed_bytes,
        shared_with=plan.shared_with,
        moves=plan.moves,
    )
