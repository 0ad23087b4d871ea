"""The limit of bandwidth: exact over time, shared, and changeable at any moment."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standins.hub import Hub, Pattern, RemoteHub, Source
from tests.test_transfer.support import REPO, Control, Running, plan_of, transfer_of, wait_until
from yipyap_core.transfer import BandwidthLimit


class Clock:
    """A clock that only waits move."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@given(st.integers(1, 10**9), st.lists(st.integers(1, 10**6), min_size=20, max_size=60))
def test_what_is_read_never_runs_ahead_of_the_limit(rate: int, wishes: list[int]) -> None:
    clock = Clock()
    limit = BandwidthLimit(rate, clock)

    reads = [limit.take(most, clock.wait) for most in wishes]

    assert all(1 <= size <= most for size, most in zip(reads, wishes, strict=True))
    seconds = sum(reads[:-1]) / rate
    assert seconds - 0.002 <= clock.now - 100.0 <= seconds + 0.002


@given(st.integers(100, 10**7), st.integers(0, 2**32))
def test_ten_seconds_are_within_five_percent(rate: int, seed: int) -> None:
    clock, chance = Clock(), random.Random(seed)
    limit = BandwidthLimit(rate, clock)
    total = 0

    while clock.now < 110.0:
        most = limit.take(1 << 20, clock.wait)
        came = chance.randint(1, most)
        limit.give_back(most - came)
        clock.now += came / rate * chance.random()  # what the line itself takes
        total += came

    assert total == pytest.approx(rate * (clock.now - 100.0), rel=0.05)


def test_many_readers_never_read_all_at_once() -> None:
    limit, nobody = BandwidthLimit(1_000_000), threading.Event()
    reads: list[tuple[float, int]] = []
    until = time.monotonic() + 1.2

    def pause(seconds: float) -> None:
        nobody.wait(seconds)

    def read() -> None:
        while time.monotonic() < until:
            size = limit.take(20_000, pause)
            reads.append((time.monotonic(), size))

    _all_at_once(read, 60)

    for end, _ in reads:
        assert sum(size for at, size in reads if end - 0.3 < at <= end) <= 900_000


def test_no_limit_never_waits() -> None:
    limit = BandwidthLimit()

    size = limit.take(1 << 40, lambda seconds: pytest.fail(f"waited {seconds} s"))

    assert size == 1 << 40
    limit.give_back(1 << 40)


def test_it_is_known_whether_the_limit_or_the_line_is_what_is_slow() -> None:
    clock = Clock()
    limit = BandwidthLimit(1000, clock)

    def read(share: float) -> bool:
        """A second on a line that gives such a share of the limit."""
        for _ in range(100):
            most = limit.take(1 << 20, clock.wait)
            limit.give_back(most - round(most * share))
            clock.wait(most / 1000)
        return limit.is_reached

    assert [read(0.5), read(1.0), read(0.7)] == [False, True, False]
    limit.change(None)
    assert not limit.is_reached


def test_a_limit_that_is_not_reached_keeps_no_connection_from_being_made(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    hub.configure(connection_bps=1_500_000)
    plan = plan_of(hub, hub.add_repo(REPO, {"a.safetensors": Pattern(12_000_000)}))

    transfer_of(hub.endpoint, cache_dir, limit=BandwidthLimit(60_000_000)).run(
        plan, control=control
    )

    assert max(use.at_once for use in control.uses()) > 1


def test_who_waits_for_a_limit_reads_when_it_changes() -> None:
    clock = Clock()
    limit = BandwidthLimit(1, clock)

    def lift(seconds: float) -> None:
        clock.wait(seconds)
        limit.change(None)

    for _ in range(3):
        limit.take(10**9, lift)

    assert clock.now < 101.0
    with pytest.raises(ValueError, match="positive"):
        limit.change(0)


def test_what_was_booked_by_a_reader_that_is_stopped_is_free_again() -> None:
    clock = Clock()
    limit = BandwidthLimit(1, clock)

    def stop(_: float) -> None:
        raise InterruptedError

    limit.take(1, clock.wait)
    for _ in range(100):
        with pytest.raises(InterruptedError):
            limit.take(1, stop)
    limit.take(1, clock.wait)

    assert clock.now == pytest.approx(101.0, abs=0.002)


def test_several_threads_share_one_limit() -> None:
    limit = BandwidthLimit(10_000_000)
    began = time.monotonic()
    nobody = threading.Event()

    def pause(seconds: float) -> None:
        nobody.wait(seconds)

    taken: list[int] = []

    def read() -> None:
        for _ in range(25):
            size = limit.take(50_000, pause)
            taken.append(size)

    _all_at_once(read, 4)

    assert time.monotonic() - began >= (sum(taken) - 50_000) / 10_000_000


def _all_at_once(read: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=read) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_transfers_share_the_limit_and_follow_its_change(
    remote_hub: RemoteHub, tmp_path: Path
) -> None:
    files: dict[str, Source] = {"a.safetensors": Pattern(40_000_000), "b.bin": Pattern(900_000, 1)}
    plan = plan_of(remote_hub, remote_hub.add_repo(REPO, files))
    limit = BandwidthLimit(8_000_000)
    controls = [Control(), Control()]
    runs = [
        Running(transfer_of(remote_hub.endpoint, tmp_path / name, limit=limit), plan, control)
        for name, control in zip("ab", controls, strict=True)
    ]

    def fetched() -> int:
        return sum(control.fetched for control in controls)

    wait_until(lambda: fetched() > 2_000_000)
    began, before = time.monotonic(), fetched()
    wait_until(lambda: time.monotonic() - began > 1.5)
    rate = (fetched() - before) / (time.monotonic() - began)
    limit.change(None)

    assert rate == pytest.approx(8_000_000, rel=0.15)  # a second and a half, not ten
    assert [run.outcome() for run in runs] == [None, None]
