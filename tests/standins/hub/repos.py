"""Repositories, their commits and revisions, as values the routes read."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from typing import Any, Literal, TypeAlias

from tests.standins.hub.contents import Content

RepoType: TypeAlias = Literal["model", "dataset", "space"]
Gate: TypeAlias = Literal["auto", "manual"]
Lfs: TypeAlias = int | Sequence[str]
"""What is stored as a large file: everything from so many bytes on, or names of these patterns."""

LFS_PATTERNS = (
    *("*.safetensors", "*.bin", "*.onnx", "*.pt", "*.pth", "*.msgpack", "*.gguf", "*.ckpt"),
    *("*.h5", "*.npz", "*.parquet", "*.zip", "*.tar", "*.tar.gz", "*.zst"),
)
LFS_BYTES = 10 * 1024 * 1024
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a commit."""

    path: str
    content: Content
    lfs: bool
    xet: bool = False

    @property
    def in_store(self) -> bool:
        """Whether the chunk store offers it: the large files of such a repository."""
        return self.lfs and self.xet

    @property
    def xet_hash(self) -> str:
        """The name of the content in the chunk store, where the repository has one."""
        return hashlib.sha256(b"xet " + self.content.sha256.encode()).hexdigest()

    @property
    def size_bytes(self) -> int:
        """The size of the content itself, not of its pointer."""
        return self.content.size_bytes

    @property
    def pointer(self) -> bytes:
        """What git holds instead of a large file."""
        return (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{self.content.sha256}\nsize {self.size_bytes}\n"
        ).encode()

    @property
    def oid(self) -> str:
        """The git blob id: of the pointer for large files, else of the content."""
        if not self.lfs:
            return self.content.git_sha1
        return _git_blob_id(self.pointer)

    @property
    def etag(self) -> str:
        """What the hub calls the file's ETag and a cache names the blob."""
        return self.content.sha256 if self.lfs else self.content.git_sha1

    def tree_item(self) -> dict[str, Any]:
        """The file as the tree lists it."""
        item: dict[str, Any] = {
            "type": "file",
            "oid": self.oid,
            "size": self.size_bytes,
            "path": self.path,
        }
        if self.lfs:
            item["lfs"] = {
                "oid": self.content.sha256,
                "size": self.size_bytes,
                "pointerSize": len(self.pointer),
            }
        return {**item, "xetHash": self.xet_hash} if self.in_store else item

    def sibling(self) -> dict[str, Any]:
        """The file as the repository's information lists it with `blobs=true`."""
        item: dict[str, Any] = {"rfilename": self.path, "blobId": self.oid, "size": self.size_bytes}
        if self.lfs:
            item["lfs"] = {
                "sha256": self.content.sha256,
                "size": self.size_bytes,
                "pointerSize": len(self.pointer),
            }
        return item


@dataclass(frozen=True)
class Commit:
    """One commit: its id and every file at it, in the order of their paths."""

    sha: str
    title: str
    date: datetime
    files: Mapping[str, Entry]

    @functools.cached_property
    def folders(self) -> frozenset[str]:
        """Every folder that holds a file, at any depth."""
        found: set[str] = set()
        for path in self.files:
            parts = path.split("/")[:-1]
            found.update("/".join(parts[: depth + 1]) for depth in range(len(parts)))
        return frozenset(found)

    @functools.cached_property
    def tree(self) -> Mapping[str, bytes]:
        """Every file and folder as the JSON text of its tree item, made once."""
        items = {path: self.files[path].tree_item() for path in self.files}
        items |= {path: folder_item(path) for path in self.folders}
        return {path: json.dumps(items[path]).encode() for path in sorted(items)}


@dataclass(slots=True)
class Repo:
    """One repository: what it says of itself, its commits, and what its revisions point to."""

    repo_id: str
    repo_type: RepoType
    gated: Gate | None = None
    private: bool = False
    license: str | None = None
    library: str | None = None
    tags: Sequence[str] = ()
    lfs: Lfs | None = None
    xet: bool = False
    commits: list[Commit] = field(default_factory=list)
    branches: dict[str, Commit] = field(default_factory=dict)
    tagged: dict[str, Commit] = field(default_factory=dict)

    def is_lfs(self, path: str, size_bytes: int) -> bool:
        """Whether a file of this name and size is stored as a large one."""
        match self.lfs:
            case None:
                return size_bytes >= LFS_BYTES or _matches(path, LFS_PATTERNS)
            case int(threshold):
                return size_bytes >= threshold
            case patterns:
                return _matches(path, patterns)

    def at(self, revision: str) -> Commit | None:
        """The commit a branch, a tag, `refs/...` or a commit id names."""
        for refs in (self.branches, self.tagged):
            for name in (revision, revision.removeprefix("refs/heads/")):
                if name in refs:
                    return refs[name]
        if not COMMIT.fullmatch(revision):
            return None
        return next((commit for commit in self.commits if commit.sha == revision), None)

    def add_commit(
        self, files: Mapping[str, Entry], *, branch: str, title: str, sha: str | None
    ) -> Commit:
        """Put a further commit on `branch`; its id follows from content and order."""
        ordered = {path: files[path] for path in sorted(files)}
        commit = Commit(sha or self._commit_id(ordered, title), title, self._next_date(), ordered)
        self.commits.append(commit)
        self.branches[branch] = commit
        return commit

    def _commit_id(self, files: Mapping[str, Entry], title: str) -> str:
        digest = hashlib.sha1(f"{self.repo_id} {len(self.commits)} {title}".encode())
        for path, entry in files.items():
            digest.update(f"{path} {entry.size_bytes} {entry.lfs}\n".encode())
            digest.update(entry.content.read(0, 65536))
        return digest.hexdigest()

    def _next_date(self) -> datetime:
        return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=len(self.commits))


def folder_item(path: str) -> dict[str, Any]:
    """A folder as the tree lists it."""
    return {"type": "directory", "oid": _git_blob_id(path.encode()), "size": 0, "path": path}


def timestamp(moment: datetime) -> str:
    """A time as the hub writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _git_blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _matches(path: str, patterns: Sequence[str]) -> bool:
    name = path.rsplit("/", 1)[-1]
    return any(fnmatch(name, pattern) or fnmatch(path, pattern) for pattern in patterns)
