"""Random tensors by name and shape, written as safetensors without importing torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from safetensors.numpy import save

Shapes = Mapping[str, tuple[int, ...]]
Array = np.ndarray[Any, np.dtype[Any]]


def random_tensors(shapes: Shapes, *, seed: int, scale: float = 0.3) -> dict[str, Array]:
    """Weights around zero, norms around one; biases are not zero, so that a lost one shows."""
    source = np.random.default_rng(seed)
    return {name: _random(source, name, shape, scale) for name, shape in shapes.items()}


def safetensors(tensors: Mapping[str, Array], metadata: dict[str, str] | None = None) -> bytes:
    """The file's bytes; the metadata is what torch's writers leave."""
    return save(dict(tensors), metadata=metadata or {"format": "pt"})


def linear(name: str, outputs: int, inputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A linear layer's weight and bias."""
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A layer norm's weight and bias."""
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _random(source: np.random.Generator, name: str, shape: tuple[int, ...], scale: float) -> Array:
    values = source.standard_normal(shape, dtype=np.float32)
    if len(shape) == 1 and name.endswith("weight"):
        return 1 + 0.1 * values
    if len(shape) >= 2:
        fan_in = int(np.prod(shape[1:]))
        return values * np.float32(scale * 4 / max(1.0, fan_in**0.5))
    return values * np.float32(0.1)
