"""Frees names of the cache in place, for a volume on which not even the trash's note fits.

The order is that of the trash: refs, snapshots, blobs. There is no way back.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from yipyap_core.clients import cache_shared
from yipyap_core.clients.cache_faults import translated
from yipyap_core.clients.cache_layout import SHARED_DIR
from yipyap_core.clients.cache_return import children

SOUND_ORDER = {"refs": 0, "snapshots": 1}
"""Names before what they lead to."""


def remove_in_place(cache_dir: Path, folder: str, moves: Sequence[str]) -> None:
    """Free paths of one repository; what is gone already is passed over."""
    root = cache_dir / folder
    with translated(cache_dir):
        if folder == SHARED_DIR:
            for move in moves:
                _collect(cache_dir, f"{folder}/{move}")
            return
        gone = _payloads(cache_dir, root, moves)
        for move in moves:
            for path in [root / move] if move else _in_order(root):
                _remove(path)
        for payload in gone:
            _collect(cache_dir, payload)


def _in_order(root: Path) -> list[Path]:
    parts = sorted(children(root), key=lambda path: SOUND_ORDER.get(path.name, 2))
    return [*parts, root]


def _payloads(cache_dir: Path, root: Path, moves: Sequence[str]) -> set[str]:
    named = {Path(move).name for move in moves if move.startswith("blobs/")}
    blobs = [blob for blob in children(root / "blobs") if "" in moves or blob.name in named]
    homes = {blob: f"{root.name}/blobs/{blob.name}" for blob in blobs}
    found = (cache_shared.payload_of(cache_dir, blob, home) for blob, home in homes.items())
    return {payload for payload in found if payload}


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def _collect(cache_dir: Path, payload: str) -> None:
    with cache_shared.locked(cache_dir, payload):
        if cache_shared.references(cache_dir, payload) == frozenset():
            (cache_dir / payload).unlink(missing_ok=True)
            (cache_dir / f"{payload}.refs").unlink(missing_ok=True)
