"""The hub's cache folder on disk, walked incrementally; no policy, no memory of its own.

A walk takes what an earlier walk found and reads only the repositories whose folders changed.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.clients.cache_layout import (
    NOT_REPOSITORIES,
    SHARED_DIR,
    SHARED_LAYOUT_VERSION,
    SHARED_MARKER,
    XET_HASH,
    split_folder,
)
from yipyap_core.clients.cache_walk import DIRECTORY, RepoScan, unchanged, walk_repo
from yipyap_core.domain.cache import CachedRepo, DiskSpace

SETTLE_SECONDS = 2.0
"""Stamps younger than this when they were taken are not trusted."""


@dataclass(frozen=True, slots=True)
class CacheScan:
    """What a walk found, and what the next walk needs to be fast."""

    repos: Mapping[str, RepoScan]
    """By name of the folder."""
    shared_store_bytes: int
    warnings: tuple[str, ...]
    scanned_at: dt.datetime
    exists: bool = True
    reread: int = 0
    """How many repositories were read from the disk, the others being unchanged."""


EMPTY = CacheScan({}, 0, (), dt.datetime.fromtimestamp(0, dt.UTC), exists=False)


class HubCache:
    """One cache folder; every method reads the disk at the time of the call."""

    def __init__(self, cache_dir: Path, *, settle_seconds: float = SETTLE_SECONDS) -> None:
        """Name the folder; it need not exist yet."""
        self.cache_dir = cache_dir
        self._settle_ns = int(settle_seconds * 1e9)

    def scan(self, known: CacheScan = EMPTY, *, full: bool = False) -> CacheScan:
        """Walk the cache; `full` reads every repository even where no folder changed."""
        started = dt.datetime.now(dt.UTC)
        try:
            fd = os.open(self.cache_dir, DIRECTORY)
        except FileNotFoundError:
            return dataclasses.replace(EMPTY, scanned_at=started)
        except OSError as error:
            text = f"The cache folder cannot be read: {error.strerror}."
            return dataclasses.replace(EMPTY, scanned_at=started, warnings=(text,))
        try:
            return self._scan_open(fd, {} if full else known.repos, started)
        finally:
            os.close(fd)

    def disk(self) -> DiskSpace | None:
        """Ask the volume of the folder, or of its nearest parent that exists."""
        for place in (self.cache_dir, *self.cache_dir.parents):
            try:
                usage = shutil.disk_usage(place)
            except OSError:
                continue
            return DiskSpace(usage.total, usage.free)
        return None

    def _scan_open(self, fd: int, known: Mapping[str, RepoScan], started: dt.datetime) -> CacheScan:
        folders, warnings = _repositories(fd)
        found: dict[str, RepoScan] = {}
        reread = 0
        for folder in folders:
            before = known.get(folder)
            if before is not None and unchanged(fd, before, self._settle_ns):
                found[folder] = _with_present_partials(fd, before)
                continue
            found[folder] = walk_repo(fd, str(self.cache_dir), folder, time.time_ns())
            reread += 1
        shared = _shared_store_bytes(fd)
        return CacheScan(found, shared, tuple(warnings), started, reread=reread)


def _repositories(fd: int) -> tuple[list[str], list[str]]:
    """Name the folders that are repositories, and warn of what is neither that nor known."""
    folders, warnings = [], []
    with os.scandir(fd) as entries:
        for entry in entries:
            name = entry.name
            if split_folder(name) and _is_folder(entry):
                folders.append(name)
            elif name not in NOT_REPOSITORIES and not _is_shared_store(fd, name):
                warnings.append(f"{name[:80]!r} in the cache folder is not a repository.")
    return sorted(folders), sorted(warnings)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_shared_store(fd: int, name: str) -> bool:
    if name != SHARED_DIR:
        return False
    try:
        marker = os.open(f"{SHARED_DIR}/{SHARED_MARKER}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=fd)
    except OSError:
        return False
    try:
        return os.read(marker, 16) == f"{SHARED_LAYOUT_VERSION}\n".encode()
    finally:
        os.close(marker)


def _with_present_partials(fd: int, scan: RepoScan) -> RepoScan:
    """Measure partial files anew: they grow without a trace in their folder's stamp."""
    repo = scan.repo
    if not repo.partials:
        return scan
    partials = []
    for partial in repo.partials:
        try:
            status = os.stat(f"{repo.folder}/blobs/{partial.name}", dir_fd=fd)
        except OSError:
            continue
        moment = dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)
        partials.append(dataclasses.replace(partial, size_bytes=status.st_size, modified_at=moment))
    grown: CachedRepo = dataclasses.replace(repo, partials=tuple(partials))
    return dataclasses.replace(scan, repo=grown)


def _shared_store_bytes(fd: int) -> int:
    """Add up the payloads of the store that the hub's client shares between repositories."""
    if not _is_shared_store(fd, SHARED_DIR):
        return 0
    total = 0
    for prefix in _names(fd, SHARED_DIR):
        if len(prefix) != 2:
            continue
        for name in _names(fd, f"{SHARED_DIR}/{prefix}"):
            if XET_HASH.match(name):
                total += _size(fd, f"{SHARED_DIR}/{prefix}/{name}")
    return total


def _names(fd: int, relative: str) -> list[str]:
    try:
        below = os.open(relative, DIRECTORY, dir_fd=fd)
    except OSError:
        return []
    try:
        return os.listdir(below)  # noqa: PTH208 - an open folder has no path
    finally:
        os.close(below)


def _size(fd: int, relative: str) -> int:
    try:
        return os.stat(relative, dir_fd=fd, follow_symlinks=False).st_size
    except OSError:
        return 0
