"""What pause and cancel answer at once, by the job's own count, against what lies on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.standins.hub import Hub, Pattern, Slow, Source
from tests.test_services.download_rig import ADMIN, Rig
from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.services.downloads import presence

MB = 1_000_000
LARGE = ("a.safetensors", "b.safetensors")
Stop = Callable[[Rig], DownloadStatus]


def pause(rig: Rig) -> DownloadStatus:
    return rig.service.pause(ADMIN, "m")


def cancel(rig: Rig) -> DownloadStatus:
    return rig.service.cancel(ADMIN, "m")


def cancel_and_keep_nothing(rig: Rig) -> DownloadStatus:
    return rig.service.cancel(ADMIN, "m", keep=False)


EACH_STOP = pytest.mark.parametrize("stop", [pause, cancel, cancel_and_keep_nothing])


@pytest.fixture
def rig(tmp_path: Path, hub: Hub) -> Iterator[Rig]:
    rig = Rig(tmp_path, hub).start()
    yield rig
    rig.close()


def bring_half(rig: Rig, hub: Hub) -> None:
    """Two large files are on their way when this returns, and every small one is there."""
    small: dict[str, Source] = {f"d/{i:02}.json": b"%d" % (i % 20) * 999 for i in range(40)}
    hub.add_repo(
        "org/m", {**small, **{name: Pattern(24 * MB, seed) for seed, name in enumerate(LARGE)}}
    )
    hub.inject(Slow(8 * MB), path="*.safetensors")
    rig.shelf.add("m", "org/m")
    rig.service.start(ADMIN, "m")
    rig.wait("m", lambda one: one.progress.files_done == 40 and one.progress.bytes_done > 6 * MB)


@EACH_STOP
def test_the_count_says_what_a_look_at_the_disk_says(rig: Rig, hub: Hub, stop: Stop) -> None:
    bring_half(rig, hub)
    said = stop(rig)
    rig.service.refresh()
    found = rig.service.status("m")
    assert (said.status, said.phase) == (found.status, found.phase)
    assert said.resumable_bytes == found.resumable_bytes == found.progress.bytes_done
    assert said.resolved_commit == found.resolved_commit
    figures = ("bytes_done", "bytes_total", "files_done", "files_total", "speed_bps", "eta_seconds")
    for figure in figures:
        assert getattr(said.progress, figure) == getattr(found.progress, figure)


@EACH_STOP
def test_who_stops_a_download_does_not_wait_for_a_look_at_its_files(
    rig: Rig, hub: Hub, stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_half(rig, hub)
    monkeypatch.setattr(presence, "present", _forbidden)
    assert stop(rig).progress.files_done == 40


def _forbidden(*_: object) -> None:
    raise AssertionError("the files were looked at")


def test_what_another_server_fetches_is_not_said_to_be_gone(rig: Rig, hub: Hub) -> None:
    bring_half(rig, hub)
    blobs = rig.cache / "models--org--m" / "blobs"
    theirs = blobs / ("f" * 64 + ".part.json")
    theirs.write_text("{}")
    said = cancel_and_keep_nothing(rig)
    rig.service.refresh()
    assert said == rig.service.status("m")
    assert [path.name for path in blobs.glob("*.part*")] == [theirs.name]
