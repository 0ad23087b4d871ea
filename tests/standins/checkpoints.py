"""Files like those of checkpoints: headers that are valid, names that fit, bytes that are noise."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from tests.standins.hub.contents import Pattern, Source

Files: TypeAlias = dict[str, Source]

LEAST_BYTES = 500_000
ONNX_HEAD = b"\x08\x08\x12\x07pytorch\x1a\x055.0.0"
ZIP_HEAD = b"PK\x03\x04\x00\x00\x08\x08\x00\x00"
COLUMNS = 64
_WORDS = ("tree", "river", "blue_sky", "cloud", "hat", "smile", "cat", "city", "night", "book")


def weights(real_bytes: int, scale: float) -> int:
    """The size of a large file at a scale."""
    return max(LEAST_BYTES, int(real_bytes / 1000 * scale))


def safetensors(names: Sequence[str], size_bytes: int, *, file: str) -> Pattern:
    """A safetensors file of exactly `size_bytes` with half-precision tensors of these names.

    The last tensor, `padding`, takes what the others leave.
    """
    head = _safetensors_head(names, size_bytes)
    return Pattern(size_bytes, seed=zlib.crc32(file.encode()), head=head)


def _safetensors_head(names: Sequence[str], size_bytes: int) -> bytes:
    room = 512 + 160 * (len(names) + 1)
    room += -room % 8
    data_bytes = size_bytes - 8 - room
    rows = data_bytes // (2 * COLUMNS * len(names))
    tensor_bytes = 2 * COLUMNS * rows
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    for number, name in enumerate(names):
        span = [number * tensor_bytes, (number + 1) * tensor_bytes]
        header[name] = {"dtype": "F16", "shape": [rows, COLUMNS], "data_offsets": span}
    used = tensor_bytes * len(names)
    rest = {"dtype": "U8", "shape": [data_bytes - used], "data_offsets": [used, data_bytes]}
    header["padding"] = rest
    return room.to_bytes(8, "little") + json.dumps(header).encode().ljust(room)


def pattern(file: str, real_bytes: int, scale: float, head: bytes = b"") -> Pattern:
    return Pattern(weights(real_bytes, scale), seed=zlib.crc32(file.encode()), head=head)


def json_file(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()


def shards(repo: str, tensors: Sequence[str], real_bytes: Sequence[int], scale: float) -> Files:
    """The tensors spread over shards, and the index that says which is where."""
    files: Files = {}
    where: dict[str, str] = {}
    for number, size_bytes in enumerate(real_bytes):
        shard = f"model-{number + 1:05}-of-{len(real_bytes):05}.safetensors"
        mine = tensors[number :: len(real_bytes)]
        where |= dict.fromkeys(mine, shard)
        files[shard] = safetensors(mine, weights(size_bytes, scale), file=f"{repo}/{shard}")
    total = sum(weights(size_bytes, scale) for size_bytes in real_bytes)
    index: Mapping[str, object] = {"metadata": {"total_size": total}, "weight_map": where}
    return {**files, "model.safetensors.index.json": json_file(index)}


def tokenizer(repo: str, real_bytes: int, scale: float) -> Files:
    words = max(100, int(real_bytes / 30_000 * min(scale, 30.0)))
    vocabulary = {f"{name} of {repo}": number for number, name in enumerate(names(words))}
    return {
        "tokenizer.json": json_file({"version": "1.0", "model": {"vocab": vocabulary}}),
        "tokenizer_config.json": json_file({"model_max_length": 4096}),
        "special_tokens_map.json": json_file({"eos_token": "</s>"}),
    }


def names(count: int) -> list[str]:
    return [f"{_WORDS[n % len(_WORDS)]}_{n // len(_WORDS)}" for n in range(count)]
