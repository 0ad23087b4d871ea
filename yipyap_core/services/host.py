"""What the machine has and how much of it is free, for pages, API and metrics alike."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from yipyap_core.domain.host import Cpu, GpuReading, HostReport, Memory, Volume

FRESH = dt.timedelta(seconds=1)
"""Readers within so long share one look at the machine."""


class System(Protocol):
    """The machine, as `clients.system` reads it."""

    def cpu(self) -> Cpu:
        """Load since the call before."""

    def memory(self) -> Memory:
        """Main memory now."""

    def gpus(self) -> GpuReading:
        """Every accelerator, or why there is none."""

    def volumes(self, stores: Mapping[str, Path]) -> tuple[Volume, ...]:
        """The file systems under the named folders."""


class HostService:
    """Looks at the machine at most once a second, however many ask."""

    def __init__(
        self,
        *,
        system: System,
        stores: Mapping[str, Callable[[], Path]],
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """Watch the volumes of the named `stores`, such as `cache` and `state`.

        Folders are asked for at each look, since the environment may move one.
        """
        self._system = system
        self._stores = dict(stores)
        self._clock = clock
        self._swap = threading.Lock()
        self._last: HostReport | None = None

    def resources(self) -> HostReport:
        """The machine within the last second."""
        now = self._clock()
        with self._swap:
            last = self._last
        if last is not None and dt.timedelta(0) <= now - last.at < FRESH:
            return last
        report = self._look(now)
        with self._swap:
            self._last = report
        return report

    def _look(self, now: dt.datetime) -> HostReport:
        reading = self._system.gpus()
        return HostReport(
            at=now,
            cpu=self._system.cpu(),
            memory=self._system.memory(),
            gpus=reading.gpus,
            gpu_reason=reading.reason,
            volumes=self._system.volumes({name: place() for name, place in self._stores.items()}),
        )
