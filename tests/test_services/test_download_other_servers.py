"""Two servers with stores of their own on one cache: neither knows of the other's jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standins.hub import Hub, Pattern, Stall
from tests.test_services.download_rig import ADMIN, Rig
from tests.test_transfer.support import wait_until
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.jobs import Phase
from yipyap_core.transfer.options import CLAIM_BYTES

MB = 1_000_000
SIZE = 24 * MB
LARGE = "model.safetensors"


@pytest.fixture
def rigs(tmp_path: Path, hub: Hub) -> Iterator[tuple[Rig, Rig]]:
    hub.add_repo("org/m", {LARGE: Pattern(SIZE), "a.json": b"{}"})
    both = tuple(Rig(tmp_path / name, hub, cache_dir=tmp_path / "hub") for name in ("one", "two"))
    for rig in both:
        rig.shelf.add("m", "org/m")
        rig.start()
    yield both[0], both[1]
    for rig in both:
        rig.close()


def bring(rig: Rig, hub: Hub, so_many_bytes: int, *, kept: int = 0) -> None:
    """Fetch so much more of the large file and no more; the connection stays open."""
    hub.clear_faults()
    hub.inject(Stall(so_many_bytes), path=LARGE)
    rig.service.start(ADMIN, "m")
    rig.wait("m", lambda one: one.progress.bytes_done >= kept + so_many_bytes)


def test_what_another_server_is_fetching_is_not_deleted_from_under_it(
    rigs: tuple[Rig, Rig], hub: Hub
) -> None:
    ours, other = rigs
    bring(ours, hub, 5 * MB)
    ours.service.pause(ADMIN, "m")
    bring(other, hub, 3 * MB, kept=5 * MB)

    ours.service.cancel(ADMIN, "m", keep=False)

    hub.clear_faults()
    assert other.end_of("m").verified
    assert hub.bytes_sent(LARGE, port="cdn") < SIZE + MB  # some lay in the socket of the first


def test_a_paused_download_shows_what_another_server_has_brought_since(
    rigs: tuple[Rig, Rig], hub: Hub
) -> None:
    ours, other = rigs
    bring(ours, hub, 5 * MB)
    paused = ours.service.pause(ADMIN, "m")
    assert ours.service.statuses()["m"] == paused
    bring(other, hub, 9 * MB, kept=5 * MB)

    wait_until(lambda: ours.service.statuses()["m"].progress.bytes_done >= 14 * MB - CLAIM_BYTES)
    assert ours.service.status("m").progress.bytes_done >= 14 * MB - CLAIM_BYTES
    assert ours.service.status("m").phase is Phase.PAUSED


def test_a_download_that_waits_for_another_server_shows_what_that_brings(
    rigs: tuple[Rig, Rig], hub: Hub
) -> None:
    ours, other = rigs
    hub.configure(server_bps=6 * MB)
    other.service.start(ADMIN, "m")
    other.wait("m", lambda one: one.progress.bytes_done > MB)
    ours.service.start(ADMIN, "m")

    ours.wait("m", lambda one: one.progress.bytes_done > 10 * MB)

    assert other.service.status("m").status is DownloadState.DOWNLOADING
    hub.configure(server_bps=None)
    assert other.end_of("m").verified
    assert ours.end_of("m").verified
    assert not any(event.kind == "restart_file" for event in ours.service.timeline("m"))
    assert hub.bytes_sent(LARGE, port="cdn") == SIZE
