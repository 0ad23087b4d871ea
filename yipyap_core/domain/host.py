"""The machine at one moment: processor, memory, accelerators and the volumes of the stores."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cpu:
    """Load over all cores since the last look."""

    percent: float
    logical_cores: int
    load_1_minute: float | None
    """Mean number of runnable processes; None where the system does not count them."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory of the machine, and what this server holds of it."""

    total_bytes: int
    available_bytes: int
    server_bytes: int

    @property
    def used_bytes(self) -> int:
        """What cannot be given to a new process."""
        return self.total_bytes - self.available_bytes


@dataclass(frozen=True, slots=True)
class Gpu:
    """One accelerator; None marks what its driver does not tell."""

    index: int
    name: str
    memory_total_bytes: int | None
    memory_used_bytes: int | None
    utilization_percent: float | None
    temperature_celsius: float | None
    power_watts: float | None


@dataclass(frozen=True, slots=True)
class GpuReading:
    """Every accelerator, or why none is listed."""

    gpus: tuple[Gpu, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """One file system, and which of our stores lie on it."""

    stores: tuple[str, ...]
    total_bytes: int
    free_bytes: int
    """What a process without privileges may still write."""

    @property
    def used_bytes(self) -> int:
        """What is not free; blocks kept for the administrator count as used."""
        return self.total_bytes - self.free_bytes


@dataclass(frozen=True, slots=True)
class HostReport:
    """Everything the dashboard shows of the machine."""

    at: dt.datetime
    cpu: Cpu
    memory: Memory
    gpus: tuple[Gpu, ...]
    gpu_reason: str | None
    volumes: tuple[Volume, ...]
