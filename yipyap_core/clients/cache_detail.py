"""Everything in one repository's folder, name by name, as a deletion plan needs it."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from yipyap_core.clients.cache_layout import (
    OS_LITTER,
    SHARED_DIR,
    is_blob,
    partial_owner,
    sidecar_of,
    split_folder,
)
from yipyap_core.domain.deletion import RepoDetail, RevisionDetail, SnapshotEntry, StoredFile


def read_detail(cache_dir: Path, folder: str) -> RepoDetail | None:
    """Read one repository; None when the folder is gone or is no repository's."""
    named = split_folder(folder)
    root = cache_dir / folder
    if named is None or "/" in folder or not root.is_dir():
        return None
    repo_type, repo_id = named
    files, partials, sidecars = _blobs(cache_dir, root)
    revisions = _revisions(root, files)
    return RepoDetail(
        folder=folder,
        repo_id=repo_id,
        repo_type=repo_type,
        files=files,
        partials=partials,
        sidecars=sidecars,
        revisions=revisions,
        is_link=root.is_symlink(),
    )


def read_refs(root: Path) -> dict[str, str]:
    """Map each ref of a repository, also nested ones, to the commit in it."""
    refs_dir = root / "refs"
    found = {}
    for path in _files_below(refs_dir):
        if path.name in OS_LITTER:
            continue
        try:
            found[path.relative_to(refs_dir).as_posix()] = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            continue
    return found


def linked_blobs(root: Path) -> dict[str, list[str]]:
    """Map each blob name that snapshots link to, present or not, to the linking paths."""
    found: dict[str, list[str]] = defaultdict(list)
    walk = _SnapshotWalk(root, {})
    for snapshot in _folders(root / "snapshots"):
        for name, target in walk.links(snapshot):
            if target is not None and target.startswith("blobs/"):
                found[target.removeprefix("blobs/")].append(f"snapshots/{snapshot.name}/{name}")
    return dict(found)


def _blobs(
    cache_dir: Path, root: Path
) -> tuple[dict[str, StoredFile], dict[str, StoredFile], dict[str, tuple[str, ...]]]:
    files: dict[str, StoredFile] = {}
    partials: dict[str, StoredFile] = {}
    sidecars: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for entry in _entries(root / "blobs"):
        relative = f"blobs/{entry.name}"
        if (partial := sidecar_of(entry.name)) is not None:
            sidecars[f"blobs/{partial}"] += (relative,)
        elif (stored := _stored(cache_dir, entry, relative)) is None:
            continue
        elif partial_owner(entry.name):
            partials[relative] = stored
        elif is_blob(entry.name):
            files[relative] = stored
    return files, partials, dict(sidecars)


def _revisions(root: Path, files: dict[str, StoredFile]) -> tuple[RevisionDetail, ...]:
    refs: dict[str, list[str]] = defaultdict(list)
    for ref, commit in read_refs(root).items():
        refs[commit].append(ref)
    walk, listings, found = _SnapshotWalk(root, files), _listings(root), []
    for snapshot in _folders(root / "snapshots"):
        commit, entries = snapshot.name, tuple(_snapshot_entries(walk, snapshot, files))
        names, listing = tuple(sorted(refs[commit])), listings.get(commit)
        found.append(RevisionDetail(commit, names, entries, listing))
    return tuple(found)


def _listings(root: Path) -> dict[str, str]:
    """Map each commit whose whole listing is stored to its path."""
    names = (entry.name for entry in _entries(root / "trees"))
    return {name.removesuffix(".json"): f"trees/{name}" for name in names if name[-5:] == ".json"}


def _snapshot_entries(
    walk: _SnapshotWalk, snapshot: Path, files: dict[str, StoredFile]
) -> Iterator[SnapshotEntry]:
    """Yield every name of a revision; real files are added to `files` on the way."""
    for name, target in walk.links(snapshot):
        if target is not None:
            yield SnapshotEntry(name, target if target in files else None)
            continue
        relative = f"snapshots/{snapshot.name}/{name}"
        stored = walk.stored.get(relative)
        if stored is not None:
            files[relative] = stored
        yield SnapshotEntry(name, relative if stored else None)


class _SnapshotWalk:
    """Reads the names of a repository's snapshots, one readlink each."""

    def __init__(self, root: Path, files: dict[str, StoredFile]) -> None:
        self.root = root
        self.real_root = os.path.realpath(root)
        self.files = files
        self.stored: dict[str, StoredFile] = {}
        """Files that lie in a snapshot themselves, as far as they have been met."""

    def links(self, snapshot: Path) -> Iterator[tuple[str, str | None]]:
        """Yield each name with where it leads, relative to the repository.

        None stands for a file of its own, an empty text for a place outside.
        """
        yield from self._below(snapshot, "", "../../blobs/")

    def _below(self, folder: Path, prefix: str, way: str) -> Iterator[tuple[str, str | None]]:
        for entry in _entries(folder):
            name = f"{prefix}{entry.name}"
            if entry.is_symlink():
                yield name, self._target(entry, way)
            elif entry.is_dir():
                yield from self._below(folder / entry.name, f"{name}/", f"../{way}")
            else:
                relative = f"{folder.relative_to(self.root).as_posix()}/{entry.name}"
                stored = _stored(self.root, entry, relative)
                if stored is not None:
                    self.stored[relative] = stored
                yield name, None

    def _target(self, entry: os.DirEntry[str], way: str) -> str:
        target = os.readlink(entry.path)  # noqa: PTH115 - once a link
        blob = target[len(way) :]
        if target.startswith(way) and "/" not in blob:
            return f"blobs/{blob}"
        here = os.path.realpath(Path(entry.path).parent)
        absolute = os.path.normpath(f"{here}/{target}" if target[:1] != "/" else target)
        folder, _, name = absolute.rpartition("/")
        return f"blobs/{name}" if folder == f"{self.real_root}/blobs" else ""


def _stored(cache_dir: Path, entry: os.DirEntry[str], relative: str) -> StoredFile | None:
    """Measure a file; a link into the shared store is measured at its payload."""
    try:
        status = entry.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    payload = _payload(cache_dir, Path(entry.path)) if entry.is_symlink() else None
    inode = (status.st_dev, status.st_ino)
    return StoredFile(relative, status.st_size, inode, status.st_nlink, payload)


def _payload(cache_dir: Path, blob: Path) -> str:
    """Name the target of a blob that is a link, relative to the cache where it is inside."""
    here, target = os.path.realpath(blob.parent), blob.readlink()
    absolute = Path(os.path.normpath(f"{here}/{target}" if not target.is_absolute() else target))
    store = Path(os.path.realpath(cache_dir)) / SHARED_DIR
    if absolute.parent.parent == store:
        return f"{SHARED_DIR}/{absolute.parent.name}/{absolute.name}"
    return absolute.as_posix()


def _folders(folder: Path) -> list[Path]:
    """Folders in a folder, sorted; links are none."""
    found = (entry for entry in _entries(folder) if entry.is_dir(follow_symlinks=False))
    return [folder / entry.name for entry in found]


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield what is no folder, sorted; links are not followed into folders."""
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(folder / entry.name)
        else:
            yield folder / entry.name


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
