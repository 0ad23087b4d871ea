"""Builds caches by hand, in the hub client's layout, sound and otherwise."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def commit_id(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


@dataclass
class RepoMaker:
    """One repository's folder."""

    cache_dir: Path
    repo_id: str = "org/name"
    repo_type: str = "model"
    _count: int = field(default=0)

    @property
    def folder(self) -> str:
        return "--".join([f"{self.repo_type}s", *self.repo_id.split("/")])

    @property
    def root(self) -> Path:
        return self.cache_dir / self.folder

    def blob(self, content: bytes, name: str = "model.safetensors") -> Path:
        """Put a content there; small text files are named by their git hash."""
        is_text = name.endswith((".json", ".txt", ".md"))
        path = self.root / "blobs" / (git_sha1(content) if is_text else sha256(content))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def commit(
        self,
        files: Mapping[str, bytes],
        *,
        refs: tuple[str, ...] = ("main",),
        commit: str | None = None,
        links: bool = True,
    ) -> str:
        """Add a revision whose files are links to blobs, or with `links=False` the files."""
        self._count += 1
        commit = commit or commit_id(f"{self.repo_id}/{self._count}")
        snapshot = self.root / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (self.root / "blobs").mkdir(exist_ok=True)
        for name, content in files.items():
            path = snapshot / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if links:
                path.symlink_to(os.path.relpath(self.blob(content, name), path.parent))
            else:
                path.write_bytes(content)
        for ref in refs:
            self.ref(ref, commit)
        return commit

    def ref(self, name: str, commit: str) -> Path:
        path = self.root / "refs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit)
        return path

    def listing(self, commit: str, files: Mapping[str, bytes]) -> Path:
        """The list of all files of a commit, as the hub's client stores it."""
        facts = {name: {"size": len(one), "blob_id": git_sha1(one)} for name, one in files.items()}
        path = self.root / "trees" / f"{commit}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"format_version": 1, "files": facts}))
        return path

    def hub_partial(self, size_bytes: int, etag: str = "ab" * 32) -> Path:
        """What the hub's client leaves when it is killed."""
        return self._partial(f"{etag}.0123abcd.incomplete", size_bytes)

    def own_partial(self, size_bytes: int, etag: str = "cd" * 32) -> Path:
        """What our own transfer leaves, with its record."""
        path = self._partial(f"{etag}.part", size_bytes)
        path.with_name(f"{path.name}.json").write_text("{}")
        return path

    def _partial(self, name: str, size_bytes: int) -> Path:
        path = self.root / "blobs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (self.root / "snapshots").mkdir(exist_ok=True)
        path.write_bytes(b"\1" * size_bytes)
        return path

    def lock(self, etag: str) -> Path:
        """The lock file of a blob, made and free."""
        path = self.cache_dir / ".locks" / self.folder / f"{etag}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return path


def share(repo: RepoMaker, blob: Path, xet_hash: str) -> Path:
    """Move a blob into the cache-wide store, as the hub's client does with Xet files."""
    store = repo.cache_dir / "blobs"
    payload = store / xet_hash[:2] / xet_hash
    payload.parent.mkdir(parents=True, exist_ok=True)
    (store / ".huggingface-shared-blobs").write_text("1\n")
    if payload.exists():
        blob.unlink()
    else:
        blob.rename(payload)
    blob.symlink_to(os.path.relpath(payload, blob.parent))
    with payload.with_name(f"{xet_hash}.refs").open("a") as manifest:
        manifest.write(f"{repo.folder}/blobs/{blob.name}\n")
    return payload


def content_bytes(cache_dir: Path, *, trash: bool = False) -> int:
    """Bytes of blobs, partial files and files in snapshots, each file once; by du's rules."""
    seen: dict[tuple[int, int], int] = {}
    for path in cache_dir.rglob("*"):
        parts = path.relative_to(cache_dir).parts
        if path.is_symlink() or not path.is_file() or (parts[0] == ".locks" and not trash):
            continue
        is_content = "snapshots" in parts or ("blobs" in parts and path.name[0] != ".")
        if is_content and not path.name.endswith((".refs", ".lock", ".part.json")):
            seen[(path.stat().st_dev, path.stat().st_ino)] = path.stat().st_size
    return sum(seen.values())


def picture(cache_dir: Path) -> dict[str, str]:
    """Every name of the cache with what is behind it, but trash, locks and lists of users."""
    found = {}
    for path in sorted(cache_dir.rglob("*")):
        relative = path.relative_to(cache_dir)
        if relative.parts[0] == ".locks" or path.name.endswith((".refs", ".lock")):
            continue
        if path.is_symlink():
            found[relative.as_posix()] = f"-> {path.readlink()}"
        elif path.is_file():
            found[relative.as_posix()] = sha256(path.read_bytes())
    return found
