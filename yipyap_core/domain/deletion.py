"""What goes when something is removed from the cache, as values: wishes, plans, what stays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

WHOLE = ""
"""The move that takes a repository's folder as it is."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that holds bytes, below one repository's folder."""

    path: str
    """Relative to the folder, such as `blobs/<etag>`."""
    size_bytes: int
    inode: tuple[int, int]
    """Device and number: two names of one file are freed together or not at all."""
    links: int = 1
    """How many names the file has on its volume."""
    payload: str | None = None
    """Where the bytes lie when `path` is a link into the shared store, relative to the cache."""


@dataclass(frozen=True, slots=True)
class SnapshotEntry:
    """One file name of a revision."""

    path: str
    """Relative to the revision's folder."""
    stored: str | None
    """`StoredFile.path` of its content; None when broken or outside the repository."""


@dataclass(frozen=True, slots=True)
class RevisionDetail:
    """One revision with every file name."""

    commit: str
    refs: tuple[str, ...]
    entries: tuple[SnapshotEntry, ...]
    listing: str | None = None
    """Path of the stored list of all files of the commit; None when the cache has none."""


@dataclass(frozen=True, slots=True)
class RepoDetail:
    """One repository with everything that can be removed from it."""

    folder: str
    repo_id: str
    repo_type: str
    files: Mapping[str, StoredFile]
    """Blobs, and files that lie in a snapshot themselves; by path."""
    partials: Mapping[str, StoredFile]
    """Unfinished files by path."""
    sidecars: Mapping[str, tuple[str, ...]]
    """Path of a partial -> paths of the small files that belong to it."""
    revisions: tuple[RevisionDetail, ...]
    is_link: bool = False
    """Whether the folder is a link to another place."""

    @property
    def unreferenced(self) -> frozenset[str]:
        """Paths of blobs that no revision links to."""
        linked = (entry.stored for one in self.revisions for entry in one.entries)
        return frozenset(self.files) - {stored for stored in linked if stored}


@dataclass(frozen=True, slots=True)
class Selection:
    """What someone wants to be rid of, in one repository."""

    folder: str
    whole: bool = False
    commits: frozenset[str] = frozenset()
    entries: frozenset[tuple[str, str]] = frozenset()
    """Pairs of commit and file name."""
    listings: frozenset[str] = frozenset()
    """Commits whose listing goes along with entries.

    While it is there, the hub's client refuses offline a snapshot that lacks a file of it, and we
    tell by it what a registered model lacks.
    """
    partials: frozenset[str] = frozenset()
    """Paths of partial files."""
    unreferenced: bool = False
    """Blobs that no revision links to."""

    def __or__(self, other: Selection) -> Selection:
        """Join two wishes for the same folder."""
        return Selection(
            self.folder,
            whole=self.whole or other.whole,
            commits=self.commits | other.commits,
            entries=self.entries | other.entries,
            listings=self.listings | other.listings,
            partials=self.partials | other.partials,
            unreferenced=self.unreferenced or other.unreferenced,
        )


@dataclass(frozen=True, slots=True)
class RepoPlan:
    """What leaves one repository's folder."""

    folder: str
    repo_id: str
    repo_type: str
    moves: tuple[str, ...]
    """Paths relative to the folder, in the order of moving; `WHOLE` alone for the folder."""
    commits: tuple[str, ...]
    freed: tuple[StoredFile, ...]
    shared_with: tuple[str, ...]
    """Revisions that keep blobs which the removed ones have too."""


class PlanKind(StrEnum):
    """What a plan removes."""

    EVERYTHING = "everything"
    REPOSITORY = "repository"
    REVISION = "revision"
    MODEL = "model"
    """The files of one registered model, without those that another one needs."""
    PRUNE = "prune"
    RECLAIM = "reclaim"


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What was asked for; the same request is planned again to see whether a plan is stale."""

    kind: PlanKind
    folder: str | None = None
    commit: str | None = None
    choices: tuple[str, ...] = ()
    """Ids of suggestions, names of damaged blobs, or the id of a model."""

    @property
    def is_for_one(self) -> bool:
        """Whether one thing was named, so that keeping it means that nothing was done."""
        return self.kind in {PlanKind.REPOSITORY, PlanKind.REVISION, PlanKind.MODEL}


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One repository's share of a plan."""

    folder: str
    repo_id: str
    repo_type: str
    revisions: tuple[str, ...]
    files: int
    bytes: int
    """What the volume gains by this item, counting what items share once in the whole plan."""
    in_use: bool = False
    used_by: tuple[str, ...] = ()
    shared_with: tuple[str, ...] = ()
    moves: tuple[str, ...] = ()
    """Empty for what stays because it is in use."""

    @property
    def is_whole(self) -> bool:
        """Whether the repository goes as it is."""
        return self.moves == (WHOLE,)


@dataclass(frozen=True, slots=True)
class KeptItem:
    """What stays although it was asked for."""

    folder: str
    repo_id: str
    repo_type: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What would go, what would stay, and what the volume gains, exactly."""

    plan_id: str
    request: PlanRequest
    created_at: dt.datetime
    purge: bool
    """Free the bytes at once instead of keeping them in the trash."""
    items: tuple[PlanItem, ...]
    kept: tuple[KeptItem, ...] = ()

    @property
    def freed_bytes(self) -> int:
        """What the volume gains when the trash is purged."""
        return sum(item.bytes for item in self.items)

    @property
    def freed_now_bytes(self) -> int:
        """What the volume gains at once."""
        return self.freed_bytes if self.purge else 0

    @property
    def files(self) -> int:
        """How many files with content go."""
        return sum(item.files for item in self.items)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would go."""
        return not any(item.moves for item in self.items)

    def same_effect(self, other: DeletionPlan) -> bool:
        """Whether executing either would do the same, so that what was shown still holds."""
        mine = {(item.folder, item.moves, item.bytes) for item in self.items if item.moves}
        theirs = {(item.folder, item.moves, item.bytes) for item in other.items if item.moves}
        return mine == theirs


def with_purge(plan: DeletionPlan, purge: bool) -> DeletionPlan:
    """Choose between the trash and freeing at once."""
    return replace(plan, purge=purge)
