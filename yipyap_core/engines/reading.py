"""Brings a model's files into the page cache while its runtime is being imported.

Importing keeps a processor busy and a disk idle. Reading ahead in large pieces is also quicker than
one page fault after the other, and says how far it is, which no library does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from yipyap_core.domain.engines import LoadPhase, LoadPlan
from yipyap_core.engines.base import LoadReport

PIECE_BYTES = 32 << 20
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.onnx")


def weights_of(plan: LoadPlan) -> list[Path]:
    """The large files of a plan; a folder stands for the weights in it."""
    found: list[Path] = []
    for name in plan.files.values():
        path = Path(name)
        if path.is_dir():
            found += sorted(one for pattern in WEIGHTS for one in path.glob(pattern))
        elif any(path.match(pattern) for pattern in WEIGHTS):
            found.append(path)
    return found


def read_ahead(plan: LoadPlan, report: LoadReport) -> threading.Thread | None:
    """Begin in a thread of its own; None where the files are larger than the free memory."""
    files = [path for path in weights_of(plan) if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    if not files or not hasattr(os, "posix_fadvise") or _free_bytes() < size:
        return None
    thread = threading.Thread(target=_read, args=(files, report), name="read ahead", daemon=True)
    thread.start()
    return thread


def _read(files: list[Path], report: LoadReport) -> None:
    done = 0
    try:
        for path in files:
            for size in _pieces(path):
                done += size
                report.phase(LoadPhase.READING, done)
    except OSError:
        return  # whoever reads the file in earnest says what is wrong with it


def _pieces(path: Path) -> Iterator[int]:
    """Order one piece ahead, wait for the one before, and tell its size."""
    with path.open("rb", buffering=0) as file:
        number, total = file.fileno(), os.fstat(file.fileno()).st_size
        os.posix_fadvise(number, 0, PIECE_BYTES, os.POSIX_FADV_WILLNEED)
        for start in range(0, total, PIECE_BYTES):
            end = min(start + PIECE_BYTES, total)
            os.posix_fadvise(number, end, PIECE_BYTES, os.POSIX_FADV_WILLNEED)
            os.pread(number, 1, end - 1)
            yield end - start


def _free_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().available)
