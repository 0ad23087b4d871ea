"""One repository of the cache read from the disk: one stat a blob, one readlink a link.

Names are looked up relative to open folders, which is what makes the walk fast. Nothing here
raises for a repository that is not sound: what is wrong becomes a warning on it.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from yipyap_core.clients.cache_layout import OS_LITTER, is_blob, partial_owner, split_folder
from yipyap_core.domain.cache import CachedRepo, CachedRevision, PartialFile

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
WARNINGS_PER_REPO = 20

Stamp = tuple[str, int, int]
"""A folder relative to the cache, its mtime in nanoseconds, its inode."""


@dataclass(frozen=True, slots=True)
class RepoScan:
    """A repository with the stamps of its folders, by which a later walk sees a change."""

    repo: CachedRepo
    stamps: tuple[Stamp, ...]
    scanned_ns: int


@dataclass(slots=True)
class _Revision:
    """What is counted while one snapshot folder is walked."""

    blobs: set[str] = field(default_factory=set)
    real: list[os.stat_result] = field(default_factory=list)
    outside: dict[str, os.stat_result] = field(default_factory=dict)
    nb_files: int = 0
    broken: int = 0

    def stats(self, blobs: dict[str, os.stat_result]) -> list[os.stat_result]:
        """Stats of every distinct file of the revision."""
        return [*[blobs[name] for name in self.blobs], *self.real, *self.outside.values()]


class RepoWalk:
    """Walks one repository once; use `walk_repo`."""

    def __init__(self, cache_fd: int, cache_dir: str, folder: str) -> None:
        """Take the open cache folder and the name of the repository's folder."""
        self.cache_fd = cache_fd
        self.root = os.path.join(os.path.realpath(cache_dir), folder)  # noqa: PTH118 - hot path
        self.folder = folder
        self.stamps: list[Stamp] = []
        self.warnings: list[str] = []
        self.blobs: dict[str, os.stat_result] = {}
        self.partials: list[PartialFile] = []
        self.shared: set[str] = set()
        self.used: set[str] = set()
        self.others: dict[str, os.stat_result] = {}
        self.real: list[os.stat_result] = []

    def run(self, scanned_ns: int) -> RepoScan:
        """Read blobs, refs and snapshots in this order and put the figures together."""
        with self._open(self.folder, "") as repo_fd:
            own = None if repo_fd is None else os.fstat(repo_fd)
            self._read_blobs()
            refs = self._refs()
            revisions = self._revisions(refs)
        self._warn_of_lost_refs(refs, {revision.commit for revision in revisions})
        return RepoScan(self._result(own, revisions), tuple(self.stamps), scanned_ns)

    def warn(self, text: str) -> None:
        """Keep a sentence for people, a bounded number of them."""
        if len(self.warnings) < WARNINGS_PER_REPO:
            self.warnings.append(text)

    @contextmanager
    def _open(self, relative: str, what: str, missing_ok: bool = True) -> Iterator[int | None]:
        """Open a folder relative to the cache and stamp it; None when it cannot be read."""
        try:
            fd = os.open(relative, DIRECTORY, dir_fd=self.cache_fd)
        except FileNotFoundError:
            if not missing_ok:
                self.warn(f"The folder {what} is missing.")
            fd = None
        except OSError as error:
            self.warn(f"The folder {what or relative} cannot be read: {error.strerror}.")
            fd = None
        try:
            if fd is not None:
                self._stamp(relative, os.fstat(fd))
            yield fd
        finally:
            if fd is not None:
                os.close(fd)

    def _stamp(self, relative: str, status: os.stat_result) -> None:
        self.stamps.append((relative, status.st_mtime_ns, status.st_ino))

    def _read_blobs(self) -> None:
        with self._open(f"{self.folder}/blobs", "blobs") as fd:
            if fd is None:
                return
            blobs = self.blobs
            with os.scandir(fd) as entries:
                for entry in entries:
                    if "." in entry.name or not entry.is_file(follow_symlinks=False):
                        self._read_blob(entry)
                        continue
                    try:
                        blobs[entry.name] = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue  # removed in this moment

    def _read_blob(self, entry: os.DirEntry[str]) -> None:
        name = entry.name
        try:
            status = entry.stat()
        except OSError:
            self.warn(f"The blob {name[:16]} points to a file that is gone.")
            return
        if not stat.S_ISREG(status.st_mode):
            return
        owner = partial_owner(name)
        if owner:
            moment = _moment(status.st_mtime)
            self.partials.append(PartialFile(name, status.st_size, moment, owner))
        elif is_blob(name):
            self.blobs[name] = status
            if entry.is_symlink():
                self.shared.add(name)

    def _refs(self) -> dict[str, list[str]]:
        """Map each commit to the branches and tags that name it."""
        found: dict[str, list[str]] = {}
        self._refs_below(f"{self.folder}/refs", "", found)
        return found

    def _refs_below(self, relative: str, prefix: str, found: dict[str, list[str]]) -> None:
        with self._open(relative, "refs") as fd:
            if fd is None:
                return
            with os.scandir(fd) as entries:
                for entry in entries:
                    if entry.is_dir():
                        self._refs_below(
                            f"{relative}/{entry.name}", f"{prefix}{entry.name}/", found
                        )
                    elif entry.name not in OS_LITTER and (commit := _read_ref(fd, entry.name)):
                        found.setdefault(commit, []).append(prefix + entry.name)

    def _revisions(self, refs: dict[str, list[str]]) -> list[CachedRevision]:
        relative = f"{self.folder}/snapshots"
        with self._open(relative, "snapshots", missing_ok=False) as fd:
            if fd is None:
                return []
            with os.scandir(fd) as entries:
                names = [entry.name for entry in entries if entry.name not in OS_LITTER]
            found = [self._revision(f"{relative}/{name}", name, refs) for name in sorted(names)]
        return [revision for revision in found if revision is not None]

    def _revision(
        self, relative: str, commit: str, refs: dict[str, list[str]]
    ) -> CachedRevision | None:
        found = _Revision()
        with self._open(relative, f"snapshots/{commit[:40]}") as fd:
            if fd is None:
                return None
            self._read_snapshot(fd, relative, "../../blobs/", found)
            own = os.fstat(fd)
        self.used |= found.blobs
        self.others |= found.outside
        self.real += found.real
        if found.broken:
            self.warn(
                f"{found.broken} of the files of revision {commit[:12]} have lost their blob."
            )
        stats = found.stats(self.blobs)
        return CachedRevision(
            commit=commit,
            refs=tuple(sorted(refs.get(commit, ()))),
            size_bytes=sum([status.st_size for status in stats]),
            nb_files=found.nb_files,
            last_modified=_moment(max([s.st_mtime for s in stats], default=own.st_mtime)),
            broken_links=found.broken,
        )

    def _read_snapshot(self, fd: int, relative: str, prefix: str, found: _Revision) -> None:
        blobs, cut, linked, readlink = self.blobs, len(prefix), [], os.readlink
        with os.scandir(fd) as entries:
            for entry in entries:
                if entry.is_symlink():
                    target = readlink(entry.name, dir_fd=fd)
                    blob = target[cut:]
                    if blob in blobs and target.startswith(prefix):
                        linked.append(blob)
                    else:
                        self._read_odd_link(relative, target, found)
                elif entry.is_dir(follow_symlinks=False):
                    below = f"{relative}/{entry.name}"
                    with self._open(below, "snapshots") as child:
                        if child is not None:
                            self._read_snapshot(child, below, f"../{prefix}", found)
                else:
                    found.real.append(entry.stat(follow_symlinks=False))
                    found.nb_files += 1
        found.blobs.update(linked)
        found.nb_files += len(linked)

    def _read_odd_link(self, relative: str, target: str, found: _Revision) -> None:
        """Count a link that is not written as the hub's client writes it."""
        here = os.path.join(os.path.dirname(self.root), relative)  # noqa: PTH118, PTH120 - hot path
        absolute = os.path.abspath(os.path.join(here, target))  # noqa: PTH100, PTH118 - no resolving
        try:
            status = os.stat(absolute)  # noqa: PTH116 - as everywhere here
        except OSError:
            found.broken += 1
            return
        if not stat.S_ISREG(status.st_mode):
            return
        found.nb_files += 1
        folder, name = os.path.split(absolute)
        if folder == f"{self.root}/blobs" and is_blob(name):
            self.blobs[name] = status  # it may have arrived after the blobs were read
            found.blobs.add(name)
        else:
            found.outside[absolute] = status

    def _warn_of_lost_refs(self, refs: dict[str, list[str]], commits: set[str]) -> None:
        for commit in sorted(set(refs) - commits):
            names = ", ".join(refs[commit])
            self.warn(f"{names[:60]} names the revision {commit[:12]}, which is not here.")

    def _result(self, own: os.stat_result | None, revisions: list[CachedRevision]) -> CachedRepo:
        repo_type, repo_id = split_folder(self.folder) or ("model", self.folder)
        used = [*(self.blobs[name] for name in self.used), *self.real, *self.others.values()]
        unused = [self.blobs[name] for name in self.blobs.keys() - self.used]
        timed = used or unused or ([own] if own else [])
        return CachedRepo(
            folder=self.folder,
            repo_id=repo_id,
            repo_type=repo_type,
            size_bytes=sum([status.st_size for status in used + unused]),
            nb_files=len(used),
            last_accessed=_moment(max([status.st_atime for status in timed], default=0.0)),
            last_modified=_moment(max([status.st_mtime for status in timed], default=0.0)),
            revisions=tuple(revisions),
            partials=tuple(sorted(self.partials, key=lambda partial: partial.name)),
            unreferenced_bytes=sum(status.st_size for status in unused),
            shared_bytes=sum(self.blobs[name].st_size for name in self.shared),
            outside_links=tuple(sorted(self.others)),
            warnings=tuple(self.warnings),
        )


def walk_repo(cache_fd: int, cache_dir: str, folder: str, scanned_ns: int) -> RepoScan:
    """Read one repository; whatever is wrong with it is in its `warnings`."""
    return RepoWalk(cache_fd, cache_dir, folder).run(scanned_ns)


def unchanged(cache_fd: int, scan: RepoScan, settle_ns: int) -> bool:
    """Whether every folder still has the stamp of `scan`, and the stamps can be trusted.

    A change within the same tick of the file system's clock leaves no trace, so stamps that were
    young when they were taken count for nothing.
    """
    horizon = scan.scanned_ns - settle_ns
    for relative, mtime_ns, inode in scan.stamps:
        if mtime_ns > horizon:
            return False
        try:
            now = os.stat(relative, dir_fd=cache_fd)
        except OSError:
            return False
        if now.st_mtime_ns != mtime_ns or now.st_ino != inode:
            return False
    return bool(scan.stamps)


def _read_ref(fd: int, name: str) -> str | None:
    try:
        ref = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=fd)
    except OSError:
        return None
    try:
        return os.read(ref, 200).decode("ascii", "replace").strip() or None
    finally:
        os.close(ref)


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
