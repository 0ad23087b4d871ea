"""The limit of bandwidth: exact over time, shared, and changeable at any moment."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standins.hub import Pattern, RemoteHub, Source
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


@given(st.integers(10**6, 10**9), st.lists(st.integers(1, 10**6), min_size=20, max_size=60))
def test_what_was_read_never_runs_ahead_of_the_limit(rate: int, reads: list[int]) -> None:
    clock = Clock()
    limit = BandwidthLimit(rate, clock)

    for size in reads:
        limit.take(size, clock.wait)

    assert sum(reads) / rate - 0.002 <= clock.now - 100.0 <= sum(reads) / rate + 0.11


@given(st.integers(10**5, 10**7), st.integers(0, 2**32))
def test_ten_seconds_are_within_five_percent(rate: int, seed: int) -> None:
    clock, chance = Clock(), random.Random(seed)
    limit = BandwidthLimit(rate, clock)
    total = 0

    while clock.now < 110.0:
        size = min(limit.read_size(1 << 20), chance.randrange(1, 1 << 20))
        clock.now += size / rate * chance.random()  # what the line itself takes
        limit.take(size, clock.wait)
        total += size

    assert total == pytest.approx(rate * (clock.now - 100.0), rel=0.05)


def test_no_limit_never_waits() -> None:
    limit = BandwidthLimit()

    limit.take(10**12, lambda seconds: pytest.fail(f"waited {seconds} s"))

    assert limit.read_size(1 << 20) == 1 << 20


def test_a_debt_is_forgiven_when_the_limit_changes() -> None:
    clock = Clock()
    limit = BandwidthLimit(1000, clock)

    def lift(seconds: float) -> None:
        clock.wait(seconds)
        limit.change(None)

    limit.take(10**9, lift)

    assert clock.now < 101.0
    with pytest.raises(ValueError, match="positive"):
        limit.change(0)


def test_several_threads_share_one_limit() -> None:
    limit = BandwidthLimit(10_000_000)
    began = time.monotonic()
    nobody = threading.Event()

    def pause(seconds: float) -> None:
        nobody.wait(seconds)

    def read() -> None:
        for _ in range(25):
            limit.take(50_000, pause)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - began >= 0.49


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
