"""Whether a path that an administrator typed leads to a model file that may be used.

A refusal says which of the conditions failed and nothing about any other file: a path outside the
allowed folders gets the same sentence whether something is there or not.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

HEADER_LIMIT_BYTES = 100_000_000
"""Largest header that the safetensors format allows."""
TAGS_LIMIT_BYTES = 64 << 20

NOT_SAFETENSORS = "This is not a safetensors file"
NOT_TAGS = "This is not a JSON file of tag to index"


class _Refused(Exception):
    """Carries the sentence for the field."""


def allowed_roots(model_roots: str | None, *, state_dir: Path, cache_dir: Path) -> tuple[Path, ...]:
    """Name the folders under which model files may lie: `YIPYAP_MODEL_ROOTS`, or the two stores."""
    listed = [Path(part).expanduser() for part in (model_roots or "").split(os.pathsep) if part]
    return tuple(path.absolute() for path in listed or [state_dir, cache_dir])


class PathRules:
    """Looks at the disk each time it is asked; keeps nothing."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        """Allow files under `roots` only, after every link was followed."""
        self.roots = roots

    def problem(self, kind: str, text: str) -> str | None:
        """Say why `text` is no usable file of the kind `safetensors` or `tags`; None when it is."""
        try:
            with _opened(self._resolved(text)) as file:
                CHECKS[kind](file)
        except _Refused as refused:
            return str(refused)
        return None

    def _resolved(self, text: str) -> Path:
        if not text.isprintable():
            raise _Refused("The path holds characters that cannot be printed.")
        if not Path(text).is_absolute():
            raise _Refused("The path must be absolute.")
        path = Path(os.path.realpath(text))
        if not any(path.is_relative_to(os.path.realpath(root)) for root in self.roots):
            raise _Refused(
                "The path lies outside the folders that are allowed for models"
                " (YIPYAP_MODEL_ROOTS)."
            )
        return path


def _opened(path: Path) -> BinaryIO:
    """Open a regular file without ever waiting for one that is not; raises `_Refused`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError as error:
        raise _Refused("There is no file at this path.") from error
    except PermissionError as error:
        raise _Refused("The server's user may not read this file.") from error
    except OSError as error:
        raise _Refused(f"The file cannot be opened: {error.strerror}.") from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
    raise _Refused(f"This is {kind}; a file is needed.")


def _check_safetensors(file: BinaryIO) -> None:
    """Read the header: eight bytes of length, JSON of tensors, and data exactly to the end."""
    size_bytes = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size_bytes < 8 or not 2 <= length <= min(HEADER_LIMIT_BYTES, size_bytes - 8):
        raise _Refused(f"{NOT_SAFETENSORS}: it has no header.")
    header = _json(file.read(length), NOT_SAFETENSORS)
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    if not tensors or not all(_is_tensor(entry) for entry in tensors.values()):
        raise _Refused(f"{NOT_SAFETENSORS}: its header names no tensors.")
    if max(entry["data_offsets"][1] for entry in tensors.values()) != size_bytes - 8 - length:
        raise _Refused(f"{NOT_SAFETENSORS}: it is longer or shorter than its header says.")


def _is_tensor(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        return False
    offsets, shape = entry.get("data_offsets"), entry.get("shape")
    if not isinstance(offsets, list) or len(offsets) != 2 or not isinstance(shape, list):
        return False
    return all(type(one) is int and one >= 0 for one in [*offsets, *shape])


def _check_tags(file: BinaryIO) -> None:
    """Read the whole file: an object of distinct tags, each index given once."""
    content = file.read(TAGS_LIMIT_BYTES + 1)
    if len(content) > TAGS_LIMIT_BYTES:
        raise _Refused(f"{NOT_TAGS}: it is too large.")
    indices = list(_json(content, NOT_TAGS).values())
    if not indices or not all(type(one) is int and one >= 0 for one in indices):
        raise _Refused(f"{NOT_TAGS}: a value is no index.")
    if len(set(indices)) != len(indices):
        raise _Refused(f"{NOT_TAGS}: two tags have one index.")


def _json(content: bytes, sentence: str) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _Refused(f"{sentence}: it cannot be read as JSON.") from error
    if not isinstance(value, dict):
        raise _Refused(f"{sentence}: it holds no object.")
    return value


CHECKS: Mapping[str, Callable[[BinaryIO], None]] = {
    "safetensors": _check_safetensors,
    "tags": _check_tags,
}
