"""Which device a worker really uses, and why it is not the one that was asked for."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.domain.engines import CpuPrecision, Device

LARGE_BYTES = 400_000_000
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Either means that the processor multiplies bfloat16 by itself."""
VNNI_FLAGS = frozenset({"avx512_vnni", "avx_vnni"})
"""Either means that it adds products of 8 bits up in 32."""
NO_DRIVER = "This host has no CUDA driver with a card."


@dataclass(frozen=True, slots=True)
class Place:
    """A device and the reason for it."""

    device: str
    """`cpu` or `cuda`."""
    reason: str = ""

    @property
    def on_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.device == "cuda"


def has_cuda_driver() -> bool:
    """Whether a CUDA driver starts and leaves this process a card; imports no runtime."""
    for name in ("libcuda.so.1", "nvcuda.dll"):
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_int(0)
        started = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
        return bool(started and count.value > 0)
    return False


def torch_place(wanted: Device) -> Place:
    """Ask torch, unless the CPU was asked for."""
    if wanted is Device.CPU:
        return Place("cpu")
    if not has_cuda_driver():
        return Place("cpu", NO_DRIVER)
    import torch

    if torch.cuda.is_available():
        return Place("cuda")
    return Place("cpu", "There is a CUDA driver, but torch cannot use it.")


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def quick_precision(place: Place, weights_bytes: int, cpu: CpuPrecision) -> str:
    """The precision in which a large network is quick here; small ones stay exact.

    `fp16` on GPUs that are fast at it. `bf16` on processors that multiply it in hardware, which
    nearly halves the time of a network of hundreds of megabytes and moves scores by thousandths.
    """
    import torch

    if place.on_gpu:
        return "fp16" if torch.cuda.get_device_capability()[0] >= 7 else "fp32"
    if weights_bytes < LARGE_BYTES or cpu is CpuPrecision.EXACT:
        return "fp32"
    return "bf16" if BF16_FLAGS & _cpu_flags() else "fp32"


def signed_products_saturate() -> bool:
    """Whether ONNX Runtime's products with signed 8-bit weights may overflow here.

    An x86 processor without VNNI adds two of them up in 16 bits.
    """
    flags = _cpu_flags()
    return bool(flags) and not flags & VNNI_FLAGS


def _cpu_flags() -> frozenset[str]:
    """What Linux says of an x86 processor; empty elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    line = next((one for one in text.splitlines() if one.startswith("flags")), "")
    return frozenset(line.split())
