"""The stored listing of a commit and the note of a revision, as the hub client has them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from yipyap_core.domain.downloads import RemoteFile, RepoSnapshot
from yipyap_core.domain.models import RepoRef
from yipyap_core.errors import UnsafePath
from yipyap_core.transfer.disk import cache_errors
from yipyap_core.transfer.layout import COMMIT, Layout

FORMAT = 1


def write_tree(layout: Layout, listing: tuple[RemoteFile, ...]) -> None:
    """Store the whole listing, unless one that can be read is there; an empty one is not known."""
    if not listing or stored_listing(layout.cache_dir, layout.repo, layout.commit) is not None:
        return
    files = {file.path: _as_json(file) for file in sorted(listing, key=lambda file: file.path)}
    text = json.dumps({"format_version": FORMAT, "files": files}, indent=1)
    _replace(layout.tree, text, layout.tree.with_suffix(".json.part"))


def store_listing(snapshot: RepoSnapshot, cache_dir: Path) -> None:
    """Put a commit's listing into the cache, so that later looks need no hub."""
    layout = Layout(cache_dir, snapshot.repo, snapshot.commit)
    with cache_errors(cache_dir, snapshot.repo.repo_id):
        layout.prepare()
        write_tree(layout, snapshot.files)


def write_ref(layout: Layout) -> None:
    """Note which commit the revision is; the last step of a download."""
    ref = layout.ref
    if ref is None or _read(ref) == layout.commit:
        return
    ref.parent.mkdir(parents=True, exist_ok=True)
    # Not beside the ref: a scan would take every file there for a revision.
    name = f"{quote(layout.repo.revision, safe='')}.ref.part"
    _replace(ref, layout.commit, layout.tree.with_name(name))


def stored_commit(cache_dir: Path, repo: RepoRef) -> str | None:
    """The commit that the cache has noted for the repository's revision; no network."""
    if COMMIT.fullmatch(repo.revision):
        return repo.revision
    text = _read(cache_dir / repo.folder_name / "refs" / repo.revision)
    return text if text and COMMIT.fullmatch(text) else None


def stored_listing(cache_dir: Path, repo: RepoRef, commit: str) -> RepoSnapshot | None:
    """The commit's whole listing as this or another program stored it; no network."""
    text = _read(Layout(cache_dir, repo, commit).tree)
    if text is None:
        return None
    try:
        whole = json.loads(text)
        if whole["format_version"] != FORMAT:
            return None
        files = tuple(_from_json(path, entry) for path, entry in whole["files"].items())
    except (ValueError, KeyError, TypeError, AttributeError, UnsafePath):
        return None
    return RepoSnapshot(repo, commit, files)


def _as_json(file: RemoteFile) -> dict[str, Any]:
    entry: dict[str, Any] = {"size": file.size_bytes, "blob_id": file.blob_id}
    if file.sha256:
        entry |= {"lfs_sha256": file.sha256, "lfs_size": file.size_bytes}
    if file.xet_hash:
        entry["xet_hash"] = file.xet_hash
    return entry


def _from_json(path: str, entry: dict[str, Any]) -> RemoteFile:
    return RemoteFile(
        path=path,
        size_bytes=int(entry["size"]),
        blob_id=str(entry["blob_id"]),
        sha256=entry.get("lfs_sha256"),
        xet_hash=entry.get("xet_hash"),
    )


def _replace(target: Path, text: str, unfinished: Path) -> None:
    """Bring the text into place in one step, durably.

    The unfinished name is always the same, so that a killed process leaves nothing for ever; two
    processes that write it at once write the same text.
    """
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        data = text.encode()
        os.pwrite(descriptor, data, 0)
        os.ftruncate(descriptor, len(data))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        unfinished.replace(target)
    except FileNotFoundError:
        if _read(target) != text:  # else the other process was faster with the same
            raise


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
