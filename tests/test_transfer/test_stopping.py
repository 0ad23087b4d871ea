"""Cancel and pause answer at once, whatever the transfer is waiting for."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.standins.hub import (
    Dribble,
    Fault,
    Hang,
    Hub,
    Pattern,
    Slow,
    Source,
    Stall,
    TooManyRequests,
)
from tests.test_transfer.support import (
    REPO,
    Cancelled,
    Control,
    Running,
    plan_of,
    transfer_of,
    wait_until,
)
from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.domain.jobs import Phase
from yipyap_core.transfer import BandwidthLimit, present
from yipyap_core.transfer.options import MIB

MOST_SECONDS = 0.2
NOISE_SECONDS = 0.3
"""The machine is shared: what is measured may be late by this, never by the waits themselves."""
LARGE = "model.safetensors"
FILES: dict[str, Source] = {LARGE: Pattern(12 * MIB), "config.json": b"{}"}
PATIENT: dict[str, Any] = {
    "stall_seconds": 60.0,
    "answer_timeout_seconds": 60.0,
    "connect_timeout_seconds": 60.0,
    "lock_timeout_seconds": 60.0,
    "backoff_seconds": 60.0,
}


@pytest.fixture
def plan(hub: Hub) -> DownloadPlan:
    return plan_of(hub, hub.add_repo(REPO, FILES))


@pytest.mark.parametrize(
    "fault", [Stall(3 * MIB), Hang(), Dribble(0.1, after_bytes=MIB), TooManyRequests(100)]
)
def test_a_waiting_transfer_ends_at_once(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan, fault: Fault
) -> None:
    hub.inject(fault, path=LARGE)
    running = Running(transfer_of(hub.endpoint, cache_dir, **PATIENT), plan, control)
    hub.wait_for_requests(1, LARGE)
    wait_until(lambda: "config.json" in control.done)
    if isinstance(fault, Stall | Dribble):
        wait_until(lambda: control.fetched >= MIB)

    seconds = running.cancel()

    assert seconds < MOST_SECONDS + NOISE_SECONDS
    kept = present(plan, cache_dir)
    assert kept.kept_bytes + kept.partial_bytes == control.present


def test_a_transfer_at_full_speed_ends_at_once(hub: Hub, cache_dir: Path, control: Control) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {LARGE: Pattern(200 * MIB)}))
    running = Running(transfer_of(hub.endpoint, cache_dir), plan, control)
    wait_until(lambda: control.fetched > 5 * MIB)

    assert running.cancel() < MOST_SECONDS + NOISE_SECONDS
    assert present(plan, cache_dir).partial_bytes == control.present


@pytest.fixture
def silent_listener() -> Iterator[str]:
    """An address that takes no connection: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(address)
            waiting.append(sock)
        yield f"http://127.0.0.1:{address[1]}"
        for sock in waiting:
            sock.close()


def test_a_transfer_that_is_connecting_ends_at_once(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan, silent_listener: str
) -> None:
    running = Running(transfer_of(silent_listener, cache_dir, **PATIENT), plan, control)
    wait_until(lambda: Phase.TRANSFERRING in control.phases)
    threading.Event().wait(0.1)  # nothing can be seen from outside of a connect that hangs
    assert hub.requests

    assert running.cancel() < MOST_SECONDS + NOISE_SECONDS


def test_a_transfer_that_waits_for_a_lock_ends_at_once(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    locks = cache_dir / ".locks" / plan.repo.folder_name
    locks.mkdir(parents=True)
    file = next(file for file in plan.files if file.path == LARGE)
    with FileLock(locks / f"{file.etag}.lock"):
        running = Running(transfer_of(hub.endpoint, cache_dir, **PATIENT), plan, control)
        wait_until(lambda: bool(control.noted("waiting_for_lock")))

        assert running.cancel() < MOST_SECONDS + NOISE_SECONDS


def test_a_transfer_held_by_the_limit_ends_at_once(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    transfer = transfer_of(hub.endpoint, cache_dir, limit=BandwidthLimit(1000))
    running = Running(transfer, plan, control)
    wait_until(lambda: control.fetched > 0)

    assert running.cancel() < MOST_SECONDS + NOISE_SECONDS


def test_a_transfer_cancelled_before_it_begins_touches_nothing(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    control.cancel()
    hub.forget_requests()

    with pytest.raises(Cancelled):
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert hub.requests == ()
    assert not cache_dir.exists()


def test_silence_on_every_line_is_shown_as_stalled(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    hub.inject(Slow(12_000_000), path=LARGE)
    hub.inject(Stall(3 * MIB), path=LARGE, count=1)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    stalled = control.phases.index(Phase.STALLED)
    assert Phase.TRANSFERRING in control.phases[stalled:]


def test_no_thread_outlives_a_run(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    before = {thread.name for thread in threading.enumerate() if "transfer" in thread.name}

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    def left() -> set[str]:
        return {thread.name for thread in threading.enumerate() if "transfer" in thread.name}

    wait_until(lambda: left() <= before)


@pytest.mark.parametrize("name", [LARGE, "config.json"])
def test_a_stop_does_not_wait_for_a_disk_that_is_busy(
    hub: Hub, cache_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {name: FILES[name]}))
    asked, goes_on = threading.Event(), threading.Event()
    fsync = os.fsync

    def fsync_slowly(descriptor: int) -> None:
        if threading.current_thread().name == "transfer-disk":
            asked.set()
            goes_on.wait(30)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync_slowly)
    running = Running(transfer_of(hub.endpoint, cache_dir), plan, Control())
    assert asked.wait(20)
    try:
        assert running.cancel() < MOST_SECONDS + NOISE_SECONDS
    finally:
        goes_on.set()
    kept = present(plan, cache_dir)
    assert kept.kept_bytes + kept.partial_bytes == running.control.present == plan.total_bytes

    control = Control()
    hub.forget_requests()
    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)
    assert present(plan, cache_dir).complete
    assert not hub.find(name)
