"""What the Hugging Face cache holds, as values: repositories, revisions, partial files, totals.

Sizes are apparent sizes. A blob counts once a repository, however many revisions link to it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class PartialOwner(StrEnum):
    """Who left a partial file."""

    YIPYAP = "yipyap"
    """Our own transfer: it goes on from what is there."""
    HUB_CLIENT = "huggingface_hub"
    """The hub's client: it never reads the file again."""


@dataclass(frozen=True, slots=True)
class PartialFile:
    """A file under `blobs/` that a download has not finished."""

    name: str
    size_bytes: int
    modified_at: dt.datetime
    owner: PartialOwner


@dataclass(frozen=True, slots=True)
class CachedRevision:
    """One commit of a repository, as its `snapshots/<commit>` folder shows it."""

    commit: str
    refs: tuple[str, ...]
    """Branches and tags that point here; empty means detached."""
    size_bytes: int
    """Sum over its distinct blobs, those of other revisions included."""
    nb_files: int
    last_modified: dt.datetime
    broken_links: int = 0
    """Files whose blob is gone."""

    @property
    def is_detached(self) -> bool:
        """Whether no branch or tag points here, so that only its commit finds it."""
        return not self.refs


@dataclass(frozen=True, slots=True)
class CachedRepo:
    """One repository of the cache, sound or not."""

    folder: str
    """Name of its folder, such as `models--org--name`; unique in the cache."""
    repo_id: str
    repo_type: str
    """`model`, `dataset`, `space` or `kernel`."""
    size_bytes: int
    """All its blobs, each once; partial files are apart."""
    nb_files: int
    """Distinct blobs that its revisions link to."""
    last_accessed: dt.datetime
    last_modified: dt.datetime
    revisions: tuple[CachedRevision, ...] = ()
    partials: tuple[PartialFile, ...] = ()
    unreferenced_bytes: int = 0
    """Part of `size_bytes` that no revision links to; the hub's client does not count it."""
    shared_bytes: int = 0
    """Part of `size_bytes` whose payload lies in the cache-wide store of shared blobs."""
    outside_links: tuple[str, ...] = ()
    """Absolute targets of snapshot links that leave this repository's blobs."""
    warnings: tuple[str, ...] = ()

    @property
    def partial_bytes(self) -> int:
        """What unfinished downloads take beside `size_bytes`."""
        return sum(partial.size_bytes for partial in self.partials)

    @property
    def detached(self) -> tuple[CachedRevision, ...]:
        """Revisions that no branch or tag points to."""
        return tuple(revision for revision in self.revisions if revision.is_detached)


@dataclass(frozen=True, slots=True)
class CacheModel:
    """A repository of the cache with what this server knows of it."""

    repo: CachedRepo
    registry_ids: tuple[str, ...] = ()
    """Ids of registered models that come from this repository."""
    used_by: tuple[str, ...] = ()
    """Who needs it at this moment, as phrases such as `loaded as wdv3-vit`."""
    last_used: dt.datetime | None = None
    """By our own record; access times depend on how the volume is mounted."""

    @property
    def repo_id(self) -> str:
        """Name on the hub, such as `org/name`."""
        return self.repo.repo_id

    @property
    def repo_type(self) -> str:
        """`model`, `dataset`, `space` or `kernel`."""
        return self.repo.repo_type

    @property
    def size_bytes(self) -> int:
        """All blobs, each once; partial files are apart."""
        return self.repo.size_bytes

    @property
    def in_registry(self) -> bool:
        """Whether a registered model comes from here."""
        return bool(self.registry_ids)

    @property
    def in_use(self) -> bool:
        """Whether it is loaded or being downloaded now."""
        return bool(self.used_by)

    @property
    def last_accessed(self) -> dt.datetime:
        """The later of our own record and the files' access times."""
        accessed = self.repo.last_accessed
        return max(accessed, self.last_used) if self.last_used else accessed


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """The volume that holds the cache."""

    total_bytes: int
    free_bytes: int
    """What a user without privileges may still write."""


@dataclass(frozen=True, slots=True)
class CacheReport:
    """The whole cache at one moment."""

    cache_dir: Path
    source: str
    """The variable that chose the folder, or `default`."""
    exists: bool
    disk: DiskSpace | None
    """None when not even a parent of the folder can be asked."""
    models: tuple[CacheModel, ...]
    """Repositories of every type, the largest first."""
    warnings: tuple[str, ...]
    scanned_at: dt.datetime
    total_size_bytes: int = 0
    partial_bytes: int = 0
    shared_store_bytes: int = 0
    """Payloads in the cache-wide store of shared blobs, each once."""
    trash_bytes: int = 0
    trash_entries: int = 0

    @property
    def model_count(self) -> int:
        """Repositories of type model."""
        return sum(model.repo_type == "model" for model in self.models)

    @property
    def repo_count(self) -> int:
        """Repositories of every type."""
        return len(self.models)


def total_bytes(repos: Iterable[CachedRepo]) -> int:
    """Add up the sizes of repositories, partial files apart."""
    return sum(repo.size_bytes for repo in repos)
