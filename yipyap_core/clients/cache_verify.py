"""Compares contents of the cache with the publisher's hashes, without the network.

The name of a blob is the publisher's hash of it: SHA-256 for large files, the git hash for the
others. Where `trees/<commit>.json` lies in the cache, it also says which name must lead to which
blob, and what the hash of a file is that lies in a snapshot itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.buffers import page_aligned
from yipyap_core.clients.cache_detail import read_detail
from yipyap_core.domain.deletion import RepoDetail, RevisionDetail, SnapshotEntry
from yipyap_core.domain.verification import Damage, Mismatch

ETAG = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
READ_BYTES = 1 << 20
SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True)
class VerifyTarget:
    """A content to hash, and the names that lead to it."""

    stored: str
    """Relative to the repository's folder."""
    size_bytes: int
    expected: str
    names: tuple[tuple[str, str], ...]
    """Pairs of commit and file name."""


@dataclass(frozen=True, slots=True)
class VerifyWork:
    """What there is to check in one repository."""

    detail: RepoDetail
    targets: tuple[VerifyTarget, ...]
    found: tuple[Mismatch, ...]
    """What is wrong already by the names alone."""
    unverifiable_files: int

    @property
    def size_bytes(self) -> int:
        """How much has to be read."""
        return sum(target.size_bytes for target in self.targets)


def plan_work(cache_dir: Path, folder: str) -> VerifyWork | None:
    """Say what has to be hashed in a repository; None when it is gone."""
    detail = read_detail(cache_dir, folder)
    if detail is None:
        return None
    wanted: dict[str, list[tuple[str, str, str | None]]] = {}
    found: list[Mismatch] = []
    for revision in detail.revisions:
        tree = read_tree(cache_dir / folder, revision.commit)
        for entry in revision.entries:
            etag = tree.get(entry.path) or _etag_of_name(entry)
            problem = _problem(detail, revision, entry, etag)
            if problem is not None:
                found.append(problem)
            elif entry.stored is not None:
                wanted.setdefault(entry.stored, []).append((revision.commit, entry.path, etag))
    targets = tuple(_targets(detail, wanted))
    known = {target.stored for target in targets}
    return VerifyWork(detail, targets, tuple(found), len(wanted.keys() - known))


def hash_stored(root: Path, target: VerifyTarget, counted: Callable[[int], None]) -> str | None:
    """Hash a content, telling after each block how many bytes it had; None when it is gone.

    `counted` may raise to give up. Raises `OSError` for what cannot be read.
    """
    if len(target.expected) == SHA256_LENGTH:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(b"blob %d\0" % target.size_bytes, usedforsecurity=False)
    view = page_aligned(READ_BYTES)
    try:
        with (root / target.stored).open("rb", buffering=0) as file:
            while count := file.readinto(view):
                digest.update(view[:count])
                counted(count)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def mismatches_of(
    detail: RepoDetail,
    target: VerifyTarget,
    *,
    actual: str | None = None,
    unreadable: str | None = None,
) -> Iterator[Mismatch]:
    """One mismatch for each name that leads to a wrong content, or to one that nobody can read.

    `unreadable` are the system's words.
    """
    for commit, path in target.names:
        yield Mismatch(
            folder=detail.folder,
            repo_id=detail.repo_id,
            repo_type=detail.repo_type,
            commit=commit,
            path=path,
            kind=Damage.CONTENT if unreadable is None else Damage.UNREADABLE,
            expected=target.expected,
            actual=actual,
            stored=target.stored,
            size_bytes=target.size_bytes,
            reason=unreadable,
        )


def read_tree(root: Path, commit: str) -> Mapping[str, str]:
    """Map the file names of a commit to their hashes, as far as the cache has its listing."""
    try:
        text = (root / "trees" / f"{commit}.json").read_text("utf-8")
        files = json.loads(text)["files"]
        return {path: facts.get("lfs_sha256") or facts["blob_id"] for path, facts in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _etag_of_name(entry: SnapshotEntry) -> str | None:
    """The hash that a blob's own name is; None for a file that lies in the snapshot."""
    if entry.stored is None or not entry.stored.startswith("blobs/"):
        return None
    name = entry.stored.removeprefix("blobs/")
    return name if ETAG.fullmatch(name) else None


def _problem(
    detail: RepoDetail, revision: RevisionDetail, entry: SnapshotEntry, etag: str | None
) -> Mismatch | None:
    own = _etag_of_name(entry)
    if entry.stored is None:
        kind = Damage.MISSING
    elif own is not None and etag is not None and own != etag:
        kind = Damage.OTHER_FILE
    else:
        return None
    return Mismatch(
        folder=detail.folder,
        repo_id=detail.repo_id,
        repo_type=detail.repo_type,
        commit=revision.commit,
        path=entry.path,
        kind=kind,
        expected=etag or "",
        actual=own,
        stored=entry.stored,
    )


def _targets(
    detail: RepoDetail, wanted: Mapping[str, list[tuple[str, str, str | None]]]
) -> Iterator[VerifyTarget]:
    for stored, names in sorted(wanted.items()):
        etag = next((etag for _, _, etag in names if etag), None)
        if etag is None or not ETAG.fullmatch(etag):
            continue
        size = detail.files[stored].size_bytes
        pairs = tuple((commit, path) for commit, path, _ in names)
        yield VerifyTarget(stored, size, etag, pairs)
