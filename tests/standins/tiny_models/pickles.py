"""`.pt` files as their publishers save them: yolo11n, the watermark pair, and one that is evil.

`evil.pt` would run a command if it were unpickled without restriction. The files are made in a
process of its own at the first call, because that imports torch.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
YOLO, WATERMARK, OWL, EVIL = "yolo11n.pt", "yolo11x-train28-best.pt", "far5y1y5-8000.pt", "evil.pt"
EVIL_TRACE = "evil-ran"
"""Appears beside the files when the evil one was executed."""


def pickled(name: str) -> bytes:
    """One of the files."""
    return (made() / name).read_bytes()


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Removed when this process ends."""
    return tempfile.TemporaryDirectory(prefix="checkpoints-")


@functools.cache
def made() -> Path:
    """The folder with all of them."""
    folder = Path(_folder().name)
    command = [sys.executable, "-m", "tests.standins.tiny_models.pickle_writer", str(folder)]
    quiet = {"YOLO_OFFLINE": "True", "YOLO_AUTOINSTALL": "False", "YOLO_CONFIG_DIR": str(folder)}
    environment = {**os.environ, **quiet, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    return folder
