"""The machine is read truthfully, tolerantly, and at most once a second."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.accounts import Clock
from yipyap_core.clients.system import SystemClient
from yipyap_core.domain.host import Cpu, GpuReading, Memory, Volume
from yipyap_core.services.host import HostService


class Counting:
    """A machine that remembers how often it was looked at."""

    def __init__(self) -> None:
        self.looks = 0

    def cpu(self) -> Cpu:
        self.looks += 1
        return Cpu(1.0, 2, None)

    def memory(self) -> Memory:
        return Memory(10, 4, 1)

    def gpus(self) -> GpuReading:
        return GpuReading((), "none here")

    def volumes(self, stores: Mapping[str, Path]) -> tuple[Volume, ...]:
        return tuple(Volume((name,), 100, 30) for name in stores)


def test_this_machine_is_read_truthfully(tmp_path: Path) -> None:
    report = HostService(system=SystemClient(), stores={"state": lambda: tmp_path}).resources()
    assert report.cpu.logical_cores == os.cpu_count()
    assert 0 <= report.cpu.percent <= 100
    assert 0 < report.memory.server_bytes < report.memory.total_bytes
    assert report.memory.used_bytes + report.memory.available_bytes == report.memory.total_bytes
    disk = os.statvfs(tmp_path)
    assert [volume.stores for volume in report.volumes] == [("state",)]
    assert report.volumes[0].total_bytes == disk.f_blocks * disk.f_frsize
    assert bool(report.gpus) != bool(report.gpu_reason)


def test_stores_on_one_volume_are_one_row_also_when_a_folder_does_not_exist(tmp_path: Path) -> None:
    volumes = SystemClient().volumes({"cache": tmp_path, "state": tmp_path / "a" / "b"})
    assert [volume.stores for volume in volumes] == [("cache", "state")]


def test_a_folder_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    names = ("x" * 300, "loop/x")
    for name in names:
        SystemClient().volumes({"cache": tmp_path / name})  # raises nothing


def test_readers_within_a_second_share_one_look(tmp_path: Path) -> None:
    clock, system = Clock(), Counting()
    service = HostService(system=system, stores={"state": lambda: tmp_path}, clock=clock)
    first = service.resources()
    clock.advance(milliseconds=999)
    assert service.resources() is first
    clock.advance(milliseconds=1)
    assert service.resources() is not first
    assert system.looks == 2
    assert (first.gpus, first.gpu_reason) == ((), "none here")
    assert first.volumes[0].used_bytes == 70


def test_a_clock_that_is_set_back_does_not_freeze_the_reading(tmp_path: Path) -> None:
    clock, system = Clock(), Counting()
    service = HostService(system=system, stores={"state": lambda: tmp_path}, clock=clock)
    service.resources()
    clock.advance(hours=-1)
    service.resources()
    assert system.looks == 2


class SilentDriver:
    """An NVML that knows its devices and answers nothing about them."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def __getattr__(self, name: str) -> Callable[..., object]:
        def refuse(*_: object) -> object:
            raise self.NVMLError(name)

        return refuse


def test_a_driver_that_tells_little_still_lists_its_devices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", SilentDriver())
    reading = SystemClient().gpus()
    assert reading.reason is None
    assert [gpu.name for gpu in reading.gpus] == ["unknown"]
    assert reading.gpus[0].memory_total_bytes is None
