"""Tensors from files: safetensors mapped into memory, pickles through the restricted reader."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from yipyap_core.domain.engines import LoadPhase
from yipyap_core.engines.base import LoadReport
from yipyap_core.engines.devices import Place
from yipyap_core.errors import CheckpointRejected

DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
REPORT_BYTES = 32 << 20


def torch_dtype(precision: str) -> Any:
    """`fp32`, `fp16` or `bf16` as torch's own."""
    import torch

    return getattr(torch, DTYPES[precision])


def read_safetensors(
    path: Path, report: LoadReport, place: Place, precision: str
) -> dict[str, Any]:
    """Read every tensor onto the device in the precision; raises `CheckpointRejected`.

    On the CPU in the file's own precision nothing is copied: pages are read when first used.
    """
    from safetensors import SafetensorError, safe_open

    dtype, tensors, done = torch_dtype(precision), {}, 0
    try:
        with safe_open(str(path), framework="pt", device=place.device) as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                tensor = file.get_tensor(name)
                tensors[name] = tensor.to(dtype) if tensor.is_floating_point() else tensor
                done = _told(report, done, tensor.numel() * tensor.element_size())
    except (SafetensorError, OSError) as error:
        raise CheckpointRejected(f"{path.name} cannot be read as safetensors.") from error
    return tensors


def read_pickle(path: Path) -> dict[str, Any]:
    """Read a plain dictionary of tensors, executing nothing; raises `CheckpointRejected`."""
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise CheckpointRejected(f"{path.name} is no plain set of tensors.") from error
    if not isinstance(content, dict):
        raise CheckpointRejected(f"{path.name} holds a {type(content).__name__}, not tensors.")
    return content


def adopt(network: Any, tensors: dict[str, Any], name: str) -> None:
    """Give a network built on the meta device its tensors; names must agree exactly."""
    try:
        network.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as error:
        raise CheckpointRejected(
            f"{name} has other tensors than expected: {_few(error)}"
        ) from error
    network.requires_grad_(False)
    network.eval()


def _few(error: RuntimeError) -> str:
    return " ".join(str(error).split())[:300]


def _told(report: LoadReport, done: int, size_bytes: int) -> int:
    if done // REPORT_BYTES != (done + size_bytes) // REPORT_BYTES:
        report.phase(LoadPhase.READING, done + size_bytes)
    return done + size_bytes
