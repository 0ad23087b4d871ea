"""Just enough of ONNX's protocol buffers to write a small graph without the onnx package."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

FLOAT, INTS, INT = 1, 7, 2
ELEMENT = {"float32": 1, "int64": 7}
IR_VERSION, OPSET = 8, 17


@dataclass(frozen=True)
class Node:
    """One operator; attributes are integers, lists of them, or a float."""

    operator: str
    inputs: Sequence[str]
    output: str
    attributes: Mapping[str, int | float | Sequence[int]] = field(default_factory=dict)


def onnx_model(
    nodes: Sequence[Node],
    constants: Mapping[str, np.ndarray[Any, Any]],
    taken: tuple[str, Sequence[int | str]],
    given: tuple[str, Sequence[int | str]],
) -> bytes:
    """The model file; `taken` and `given` name input and output with their shapes."""
    graph = b"".join(
        [
            *(_bytes(1, _node(node)) for node in nodes),
            _text(2, "tiny"),
            *(_bytes(5, _tensor(name, values)) for name, values in constants.items()),
            _bytes(11, _value(*taken)),
            _bytes(12, _value(*given)),
        ]
    )
    return _number(1, IR_VERSION) + _bytes(7, graph) + _bytes(8, _number(2, OPSET))


def _node(node: Node) -> bytes:
    parts = [_text(1, name) for name in node.inputs]
    parts += [_text(2, node.output), _text(4, node.operator)]
    parts += [_bytes(5, _attribute(name, value)) for name, value in node.attributes.items()]
    return b"".join(parts)


def _attribute(name: str, value: int | float | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, INT)
    if isinstance(value, float):
        single = _varint(2 << 3 | 5) + struct.pack("<f", value)
        return _text(1, name) + single + _number(20, FLOAT)
    return _text(1, name) + b"".join(_number(8, one) for one in value) + _number(20, INTS)


def _tensor(name: str, values: np.ndarray[Any, Any]) -> bytes:
    sizes = b"".join(_number(1, size) for size in values.shape)
    kind = _number(2, ELEMENT[values.dtype.name])
    return sizes + kind + _text(8, name) + _bytes(9, values.tobytes())


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sizes = b"".join(_bytes(1, _size(size)) for size in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, FLOAT) + _bytes(2, sizes)))


def _size(size: int | str) -> bytes:
    return _number(1, size) if isinstance(size, int) else _text(2, size)


def _number(field_number: int, value: int) -> bytes:
    return _varint(field_number << 3) + _varint(value)


def _text(field_number: int, value: str) -> bytes:
    return _bytes(field_number, value.encode())


def _bytes(field_number: int, value: bytes) -> bytes:
    return _varint(field_number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
