"""How much room there is for models: measured at each decision, never remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import psutil

from yipyap_core.domain.allowances import Allowance, CardAllowances
from yipyap_core.engines.residency import Amount

RESERVE_BYTES = 1 << 30
GPU_RESERVE_BYTES = 512 << 20
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One card at this moment."""

    uuid: str
    total_bytes: int
    free_bytes: int
    number: int = 0
    """The driver's own."""


@dataclass(frozen=True, slots=True)
class HostMemory:
    """What the host has at this moment."""

    ram_total_bytes: int
    ram_available_bytes: int
    gpus: tuple[Gpu, ...] = ()


class Measure(Protocol):
    """Looks at the host's memory and at what single processes hold on its GPUs."""

    def host(self) -> HostMemory:
        """Free and total memory now."""

    def gpu_bytes_of(self, pid: int) -> int:
        """GPU memory of one process; 0 when the driver does not say."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What models may take together, in the host and on each of its cards.

    Whatever it says, a reserve of what is free at the moment stays free for others.
    """

    ram: Allowance = field(default_factory=Allowance)
    cards: CardAllowances = field(default_factory=CardAllowances)

    def of_card(self, gpu: Gpu) -> int:
        """Bytes that models may hold on a card."""
        return self.cards.of_card(gpu.number, gpu.uuid).of(gpu.total_bytes)

    def room(self, host: HostMemory, gpu: Gpu | None, held: Amount) -> Amount:
        """How much more may be loaded, given what loaded models hold here and on that card."""
        ram = min(
            host.ram_available_bytes - RESERVE_BYTES,
            self.ram.of(host.ram_total_bytes) - held.ram_bytes,
        )
        return Amount(max(0, ram), self.room_on(gpu, held.gpu_bytes) if gpu else 0)

    def room_on(self, gpu: Gpu, held_bytes: int) -> int:
        """The same for one card."""
        return max(0, min(gpu.free_bytes - GPU_RESERVE_BYTES, self.of_card(gpu) - held_bytes))


class SystemMeasure:
    """psutil for the host, NVML for the cards, with as little as a driver gives."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Look only at the cards that `CUDA_VISIBLE_DEVICES` leaves."""
        self._visible = environment.get(VISIBLE)

    def host(self) -> HostMemory:
        """Read both."""
        ram = psutil.virtual_memory()
        return HostMemory(ram.total, ram.available, self._gpus())

    def gpu_bytes_of(self, pid: int) -> int:
        """Sum over the processes that the driver lists; in a container it may list none."""
        import pynvml

        held = 0
        try:
            for _, _, handle in self._handles():
                running = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
                held += sum(one.usedGpuMemory or 0 for one in running if one.pid == pid)
        except pynvml.NVMLError:
            return held
        return held

    def _gpus(self) -> tuple[Gpu, ...]:
        import pynvml

        found = []
        try:
            for number, uuid, handle in self._handles():
                memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
                found.append(Gpu(uuid, int(memory.total), int(memory.free), number))
        except pynvml.NVMLError:
            return ()
        return tuple(found)

    def _handles(self) -> list[tuple[int, str, Any]]:
        """Number, id and handle of each card that a worker may use.

        Raises `NVMLError` where there is no driver.
        """
        import pynvml

        pynvml.nvmlInit()
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
        ]
        named = [
            (number, _text(pynvml.nvmlDeviceGetUUID(handle)), handle)
            for number, handle in enumerate(handles)
        ]
        if self._visible is None:
            return named
        wanted = {name.strip() for name in self._visible.split(",") if name.strip()}
        return [card for card in named if {str(card[0]), card[1]} & wanted]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
