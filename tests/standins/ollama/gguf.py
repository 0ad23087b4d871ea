"""A writer of GGUF files, as small as one tiny model needs.

The format is described in docs/gguf.md of ggml-org/ggml: a head, facts, tensors' names and
shapes, padding, and the tensors' data. The package `gguf` (MIT) does the same and more; a single
file is no reason to pin it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 32
VERSION = 3
Matrix: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Counts:
    """Whole numbers written as the format's int32, such as the kinds of tokens."""

    values: Sequence[int]


Fact: TypeAlias = str | bool | int | float | Counts | Sequence[str] | Sequence[float]


def write(facts: Mapping[str, Fact], tensors: Mapping[str, Matrix]) -> bytes:
    """The bytes of a file with these facts and tensors, all of them of float32."""
    head = b"GGUF" + struct.pack("<IQQ", VERSION, len(tensors), len(facts))
    told = b"".join(_text(name) + _fact(value) for name, value in facts.items())
    places, data = _tensors(tensors)
    return _padded(head + told + places) + data


def _tensors(tensors: Mapping[str, Matrix]) -> tuple[bytes, bytes]:
    """What the file says of its tensors, and their data."""
    places, data = b"", b""
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]  # the format counts the fastest dimension first
        sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        places += _text(name) + sizes + struct.pack("<IQ", 0, len(data))
        data += _padded(tensor.astype("<f4").tobytes())
    return places, data


def _fact(value: Fact) -> bytes:
    """A value after the number of its type."""
    match value:
        case bool():
            return struct.pack("<I?", 7, value)
        case str():
            return struct.pack("<I", 8) + _text(value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case Counts(values):
            return _array(5, len(values)) + struct.pack(f"<{len(values)}i", *values)
        case _:
            return _list(value)


def _list(values: Sequence[str] | Sequence[float]) -> bytes:
    texts = [_text(value) for value in values if isinstance(value, str)]
    if texts:
        return _array(8, len(texts)) + b"".join(texts)
    return _array(6, len(values)) + struct.pack(f"<{len(values)}f", *values)


def _array(kind: int, count: int) -> bytes:
    return struct.pack("<IIQ", 9, kind, count)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
