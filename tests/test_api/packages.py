"""Packages of routes for a test, made in a temporary folder."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def package(folder: Path, files: dict[str, str]) -> Iterator[str]:
    """Make a package of the files that can be imported inside the block."""
    name = f"routes_{uuid.uuid4().hex}"
    home = folder / name
    home.mkdir()
    (home / "__init__.py").touch()
    for file, text in files.items():
        (home / file).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        yield name
    finally:
        sys.path.remove(str(folder))
        for module in [one for one in sys.modules if one.split(".")[0] == name]:
            del sys.modules[module]
