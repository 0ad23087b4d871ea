"""Where files of a repository lie: in the hub's cache, or in a plain folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from yipyap_core.domain.models import RepoRef


def put_into_cache(cache_dir: Path, repo: RepoRef, files: Mapping[str, bytes]) -> Path:
    """Blobs, links and the ref, as huggingface_hub leaves them; returns the snapshot."""
    commit = hashlib.sha1(b"".join(files.values())).hexdigest()
    root = cache_dir / repo.folder_name
    snapshot = root / "snapshots" / commit
    for name, content in files.items():
        blob = root / "blobs" / hashlib.sha256(content).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(blob, link.parent))
    ref = root / "refs" / repo.revision
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(commit, encoding="ascii")
    return snapshot


def put_into_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The same files without a cache around them."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
