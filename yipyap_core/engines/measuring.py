"""What this worker holds, and the mode in which it computes. Imports no runtime by itself."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any


def inference() -> AbstractContextManager[Any]:
    """Enter torch's inference mode, which holds for one thread; nothing where there is no torch."""
    torch = sys.modules.get("torch")
    return nullcontext() if torch is None else torch.inference_mode()


def measured() -> dict[str, int]:
    """Resident memory now and at its peak, and what torch reserved on the GPU, in bytes."""
    now, peak = _resident_bytes()
    gpu, gpu_peak = _gpu_bytes()
    return {
        "ram_bytes": now,
        "ram_peak_bytes": peak,
        "gpu_bytes": gpu,
        "gpu_peak_bytes": gpu_peak,
    }


def _resident_bytes() -> tuple[int, int]:
    import resource

    import psutil

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    now = psutil.Process().memory_info().rss
    return now, max(now, peak)


def _gpu_bytes() -> tuple[int, int]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0, 0
    return torch.cuda.memory_reserved(), torch.cuda.max_memory_reserved()
