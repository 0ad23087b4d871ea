"""Reads the machine with psutil and NVML; what it does not tell is None, never an error."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from yipyap_core.domain.host import Cpu, Gpu, GpuReading, Memory, Volume


class SystemClient:
    """Looks at processor, memory, accelerators and volumes; holds no policy."""

    def __init__(self) -> None:
        """Read nothing yet; NVML is loaded with the first look at the accelerators."""
        self._process = psutil.Process()
        self._nvml: Any = None
        self._loading = threading.Lock()

    def cpu(self) -> Cpu:
        """Load since the call before; the first one says 0."""
        load: float | None = None
        with contextlib.suppress(OSError):
            load = psutil.getloadavg()[0]
        return Cpu(psutil.cpu_percent(interval=None), psutil.cpu_count() or 1, load)

    def memory(self) -> Memory:
        """Main memory; what caches of the system could give back counts as available."""
        memory = psutil.virtual_memory()
        return Memory(memory.total, memory.available, self._process.memory_info().rss)

    def gpus(self) -> GpuReading:
        """Every NVIDIA accelerator, or the reason why there is none to see."""
        try:
            nvml = self._loaded()
            count = nvml.nvmlDeviceGetCount()
            return GpuReading(tuple(_gpu(nvml, index) for index in range(count)))
        except ImportError:
            return GpuReading((), "The NVIDIA management library for Python is not installed.")
        except _nvml_error() as error:
            return GpuReading((), f"No NVIDIA accelerator is available: {error}.")

    def volumes(self, stores: Mapping[str, Path]) -> tuple[Volume, ...]:
        """The file systems under the named folders, each once; unreadable ones are left out."""
        by_device: dict[int, list[tuple[str, Path]]] = {}
        for name, folder in stores.items():
            with contextlib.suppress(OSError):
                place = _existing(folder)
                by_device.setdefault(place.stat().st_dev, []).append((name, place))
        return tuple(
            Volume(tuple(name for name, _ in places), *_total_and_free(places[0][1]))
            for places in by_device.values()
        )

    def _loaded(self) -> Any:
        with self._loading:
            if self._nvml is None:
                import pynvml

                pynvml.nvmlInit()
                self._nvml = pynvml
        return self._nvml


def _nvml_error() -> type[Exception]:
    import pynvml

    error: type[Exception] = pynvml.NVMLError
    return error


def _gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)

    def ask(question: Callable[[], Any]) -> Any:
        """One question that this driver may not answer."""
        try:
            return question()
        except nvml.NVMLError:
            return None

    name = ask(lambda: nvml.nvmlDeviceGetName(handle)) or "unknown"
    memory = ask(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
    rates = ask(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
    heat = ask(lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    milliwatts = ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
    return Gpu(
        index=index,
        name=name.decode() if isinstance(name, bytes) else str(name),
        memory_total_bytes=None if memory is None else int(memory.total),
        memory_used_bytes=None if memory is None else int(memory.used),
        utilization_percent=None if rates is None else float(rates.gpu),
        temperature_celsius=None if heat is None else float(heat),
        power_watts=None if milliwatts is None else milliwatts / 1000.0,
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists already."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _total_and_free(folder: Path) -> tuple[int, int]:
    usage = shutil.disk_usage(folder)
    return usage.total, usage.free
