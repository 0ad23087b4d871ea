"""A disk that is full, becomes full, or may not be written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.standins.hub import Hub, Pattern, Stall
from tests.test_services.download_rig import ADMIN, Rig
from yipyap_core.domain.downloads import DownloadPlan, DownloadState, DownloadStatus
from yipyap_core.domain.jobs import Phase
from yipyap_core.errors import DiskFull, InsufficientStorage
from yipyap_core.transfer import TransferControl, present

MB = 1_000_000


class NarrowTransfer:
    """The real transfer on a volume that is full while a file says so.

    For machines where a test may not mount a small volume of its own.
    """

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._real = rig._transfer()
        self.room_bytes: int | None = 6 * MB

    def run(self, plan: DownloadPlan, *, control: TransferControl) -> None:
        there = present(plan, self._rig.cache)
        needed = plan.total_bytes - there.kept_bytes - there.partial_bytes
        if self.room_bytes is not None and needed > self.room_bytes:
            small = tuple(file for file in plan.files if file.size_bytes < MB)
            self._real.run(replace(plan, files=small), control=control)
            sentence = "The volume of the cache is full."
            raise DiskFull(sentence, needed_bytes=needed, free_bytes=self.room_bytes)
        self._real.run(plan, control=control)


class Volume:
    """A small file system of its own, or what behaves like one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
        done = (
            subprocess.run(mount, capture_output=True, check=False) if os.geteuid() == 0 else None
        )
        self.is_real = done is not None and done.returncode == 0
        self._narrow: NarrowTransfer | None = None

    def equip(self, rig: Rig) -> None:
        """Let the rig's worker meet the end of the volume."""
        if not self.is_real:
            self._narrow = NarrowTransfer(rig)
            rig.worker._fetch._transfer = self._narrow

    def fill(self, rig: Rig) -> None:
        """Take room away after the plan was found to fit."""
        if self.is_real:
            (self.folder / "filler").write_bytes(bytes(3 * MB))
        else:
            rig.switches.free_bytes = 1 * MB

    def make_room(self, rig: Rig) -> None:
        if self.is_real:
            (self.folder / "filler").unlink()
        if self._narrow is not None:
            self._narrow.room_bytes = None
        rig.switches.free_bytes = None

    def close(self) -> None:
        if self.is_real:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    volume = Volume(tmp_path / "small")
    yield volume
    volume.close()


@pytest.fixture
def rig(tmp_path: Path, hub: Hub, volume: Volume) -> Iterator[Rig]:
    rig = Rig(tmp_path / "server", hub, cache_dir=volume.folder / "hub")
    volume.equip(rig)
    yield rig.start()
    rig.close()


def repo(hub: Hub, rig: Rig, size_bytes: int) -> None:
    hub.add_repo("org/m", {"a.json": b"{}", "model.safetensors": Pattern(size_bytes)})
    rig.shelf.add("m", "org/m")


def fill_up_meanwhile(rig: Rig, hub: Hub, volume: Volume) -> DownloadStatus:
    repo(hub, rig, 7 * MB)
    held = hub.inject(Stall(MB), path="model.safetensors")
    rig.service.start(ADMIN, "m")
    rig.wait("m", lambda one: one.progress.bytes_done > MB // 2 or one.error is not None)
    volume.fill(rig)
    held.remove()
    return rig.wait("m", lambda one: one.phase is Phase.PAUSED)


def test_a_disk_that_fills_up_pauses_the_job_which_goes_on_by_itself(
    rig: Rig, hub: Hub, volume: Volume
) -> None:
    full = fill_up_meanwhile(rig, hub, volume)
    assert full.status is DownloadState.DOWNLOADING
    assert full.error is not None and full.error.code == "disk_full"
    assert "by itself" in full.error.hint
    assert full.progress.files_done == 1
    assert [one.model_id for one in rig.service.queue().paused] == ["m"]
    with pytest.raises(InsufficientStorage):
        rig.service.resume(ADMIN, "m")
    volume.make_room(rig)
    assert rig.end_of("m").verified  # nobody asked for it
    kinds = [event.kind for event in rig.service.timeline("m")]
    assert "waits_for_space" in kinds


class FullForOneFile:
    """A transfer that brings the small file and then meets the end of the volume."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def run(self, plan: DownloadPlan, *, control: TransferControl) -> None:
        small = tuple(file for file in plan.files if file.size_bytes < MB)
        self._rig._transfer().run(replace(plan, files=small), control=control)
        raise DiskFull("second.bin needs 1 more byte.", needed_bytes=1, free_bytes=2 * MB)


def test_a_full_disk_says_what_the_whole_job_needs_since_that_is_waited_for(
    tmp_path: Path, hub: Hub
) -> None:
    rig = Rig(tmp_path / "server", hub).start()
    try:
        rig.worker._fetch._transfer = FullForOneFile(rig)
        repo(hub, rig, 7 * MB)
        rig.service.start(ADMIN, "m")
        full = rig.wait("m", lambda one: one.error is not None)
        assert full.phase is Phase.PAUSED
        assert full.error is not None and full.error.code == "disk_full"
        assert "7.00 MB more are needed, 2.00 MB are free" in full.error.message
    finally:
        rig.close()


def test_a_job_that_waits_for_room_still_does_after_a_restart(
    rig: Rig, hub: Hub, volume: Volume
) -> None:
    fill_up_meanwhile(rig, hub, volume)
    rig.close()
    following = rig.again()
    volume.equip(following)
    following.start()
    try:
        following.runner.wake()
        waiting = following.service.status("m")
        assert (waiting.phase, waiting.status) == (Phase.PAUSED, DownloadState.DOWNLOADING)
        volume.make_room(following)
        assert following.end_of("m").verified
    finally:
        following.close()


def test_a_cache_that_may_not_be_written_fails_with_the_reason(tmp_path: Path, hub: Hub) -> None:
    # no user may make a folder here, not even root
    rig = Rig(tmp_path / "server", hub, cache_dir=Path("/sys/yipyap/hub"))
    rig.switches.free_bytes = 100 * MB
    repo(hub, rig, MB)
    rig.start()
    try:
        failed = rig.download("m")
        assert failed.status is DownloadState.FAILED
        assert failed.error is not None and failed.error.code == "cache_read_only"
        assert "HF_HOME" in failed.error.hint
    finally:
        rig.close()


def test_a_volume_that_is_nearly_full_is_left_alone_until_there_is_room(
    tmp_path: Path, hub: Hub
) -> None:
    rig = Rig(tmp_path / "server", hub, reserve_bytes=100 * MB)
    rig.switches.free_bytes = 200 * MB
    repo(hub, rig, 7 * MB)
    held = hub.inject(Stall(MB), path="model.safetensors")
    rig.start()
    try:
        rig.service.start(ADMIN, "m")
        rig.wait("m", lambda one: one.progress.bytes_done > MB // 2)
        rig.switches.free_bytes = 10 * MB  # others fill it up
        paused = rig.wait("m", lambda one: one.phase is Phase.PAUSED)
        assert paused.error is not None and paused.error.code == "insufficient_storage"
        assert "by itself" in paused.error.hint
        held.remove()
        rig.switches.free_bytes = 200 * MB
        assert rig.end_of("m").verified
    finally:
        rig.close()
