from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.standins.hub import Hub, Pattern, Stall
from tests.test_jobs.clocks import HandClock
from tests.test_services.download_rig import ADMIN, Rig
from yipyap_core.domain.download_queue import DownloadLimits, QuietHours
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.jobs import JobKind, Phase
from yipyap_core.errors import Invalid
from yipyap_core.jobs.work import Gate
from yipyap_core.services.downloads.limits import (
    DownloadGate,
    LimitBook,
    limits_of_json,
    limits_to_json,
)
from yipyap_core.stores.engine import open_engine
from yipyap_core.stores.preferences import PreferenceStore
from yipyap_core.stores.schema import metadata
from yipyap_core.transfer import BandwidthLimit

MB = 1_000_000
times = st.times().map(lambda time: time.replace(second=0, microsecond=0))


def hours(start: str, end: str, *, stops_running: bool = False) -> QuietHours:
    return QuietHours(dt.time.fromisoformat(start), dt.time.fromisoformat(end), stops_running)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def test_repairs_obey_the_limits_of_downloads_and_pulls_do_not(tmp_path: Path, hub: Hub) -> None:
    rig = Rig(tmp_path / "rig", hub)
    kinds = (JobKind.DOWNLOAD, JobKind.CACHE_REPAIR, JobKind.OLLAMA_PULL)
    gate = DownloadGate(limits=rig.limits, space=rig.space, disabled=lambda: True)

    found = [gate(rig.runner.submit(kind, "a", "ada")[0]).gate for kind in kinds]

    assert found == [Gate.STOP, Gate.STOP, Gate.OPEN]
    rig.close()


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        (hours("08:00", "18:00"), ["08:00", "12:00", "17:59"], ["07:59", "18:00", "00:00"]),
        (hours("22:00", "06:00"), ["22:00", "23:59", "00:00", "05:59"], ["06:00", "21:59"]),
    ],
)
def test_quiet_hours_may_reach_over_midnight(
    window: QuietHours, inside: list[str], outside: list[str]
) -> None:
    def at(time: str) -> dt.datetime:
        return dt.datetime.fromisoformat(f"2026-03-01T{time}:00+01:00")

    assert all(window.contains(at(time)) for time in inside)
    assert not any(window.contains(at(time)) for time in outside)


@given(
    concurrent=st.integers(1, 16),
    bandwidth=st.none() | st.integers(1, 1 << 40),
    window=st.none() | st.tuples(times, times, st.booleans()).filter(lambda it: it[0] != it[1]),
)
def test_limits_survive_the_store(
    concurrent: int, bandwidth: int | None, window: tuple[dt.time, dt.time, bool] | None
) -> None:
    limits = DownloadLimits(concurrent, bandwidth, QuietHours(*window) if window else None)
    assert limits_of_json(limits_to_json(limits), DownloadLimits(2)) == limits


@pytest.mark.parametrize("value", [None, {}, 7, {"max_concurrent": 0}, {"max_concurrent": "x"}])
def test_a_kept_value_that_makes_no_sense_is_the_default(value: object) -> None:
    assert limits_of_json(value, DownloadLimits(5)) == DownloadLimits(5)


@pytest.mark.parametrize(
    ("concurrent", "bandwidth", "field"),
    [(0, None, "max_concurrent"), (17, None, "max_concurrent"), (2, -1, "bandwidth_limit_bps")],
)
def test_limits_that_make_no_sense_name_their_field(
    concurrent: int, bandwidth: int | None, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        DownloadLimits(concurrent, bandwidth)
    assert field in refused.value.fields


def test_what_another_process_sets_holds_here_within_seconds(engine: sa.Engine) -> None:
    clock, bandwidth = HandClock(), BandwidthLimit()
    counts: list[int] = []

    def book(limit: BandwidthLimit) -> LimitBook:
        store, default = PreferenceStore(engine), DownloadLimits(2)
        return LimitBook(store=store, default=default, bandwidth=limit, clock=clock)

    here, there = book(bandwidth), book(BandwidthLimit())
    here.hand_to(counts.append)
    there.change(lambda _: DownloadLimits(4, 1_000), actor="ada")
    assert here.now() == DownloadLimits(2)
    clock.advance(5)
    assert here.now() == DownloadLimits(4, 1_000)
    assert (counts, bandwidth.bytes_per_second) == ([2, 4], 1_000)


def test_what_another_process_has_just_set_is_not_overwritten(engine: sa.Engine) -> None:
    clock, store = HandClock(), PreferenceStore(engine)
    here, there = (
        LimitBook(store=store, default=DownloadLimits(2), bandwidth=BandwidthLimit(), clock=clock)
        for _ in range(2)
    )
    there.change(lambda now: replace(now, max_concurrent=7), actor="ada")
    here.change(lambda now: replace(now, bandwidth_limit_bps=5), actor="eve")
    assert here.now() == DownloadLimits(7, 5)


def now_and(minutes: int) -> dt.time:
    moment = dt.datetime.now(dt.UTC).astimezone() + dt.timedelta(minutes=minutes)
    return moment.time().replace(second=0, microsecond=0)


def test_in_quiet_hours_nothing_starts_and_what_runs_may_be_stopped(
    tmp_path: Path, hub: Hub
) -> None:
    rig = Rig(tmp_path / "server", hub).start()
    try:
        for name in ("one", "two"):
            hub.add_repo(f"org/{name}", {"model.safetensors": Pattern(3 * MB)})
            rig.shelf.add(name, f"org/{name}")
        held = hub.inject(Stall(10_000), path="model.safetensors")
        rig.service.start(ADMIN, "one")
        rig.wait("one", lambda one: one.phase is Phase.TRANSFERRING)
        window = QuietHours(now_and(-60), now_and(60))
        assert rig.service.set_quiet_hours(ADMIN, window).is_quiet
        rig.service.start(ADMIN, "two")
        assert rig.service.status("one").phase is Phase.TRANSFERRING
        firm = QuietHours(now_and(-60), now_and(60), stops_running=True)
        rig.service.set_quiet_hours(ADMIN, firm)
        waiting = rig.wait("one", lambda one: one.phase is Phase.QUEUED)
        assert waiting.status is DownloadState.DOWNLOADING
        assert rig.service.status("two").phase is Phase.QUEUED
        held.remove()
        assert rig.service.set_quiet_hours(ADMIN, None).quiet_hours is None
        assert rig.end_of("one").verified
        assert rig.end_of("two").verified
    finally:
        rig.close()


def test_the_order_of_waiting_downloads_can_be_changed(tmp_path: Path, hub: Hub) -> None:
    rig = Rig(tmp_path / "server", hub, max_concurrent=1)
    for name in "abcd":
        rig.shelf.add(name, f"org/{name}")
        rig.service.start(ADMIN, name)

    def order() -> str:
        return "".join(one.model_id for one in rig.service.queue().queued)

    assert order() == "abcd"
    rig.service.move(ADMIN, "d", -2)
    assert order() == "adbc"
    rig.service.prioritise(ADMIN, "c", 5)
    assert order() == "cadb"
    rig.service.pause(ADMIN, "a")
    assert order() == "cdb"
    assert [one.model_id for one in rig.service.queue().paused] == ["a"]
    rig.close()


def test_the_bandwidth_s_limit_holds_for_all_downloads_together(tmp_path: Path, hub: Hub) -> None:
    rig = Rig(tmp_path / "server", hub).start()
    try:
        for name in ("one", "two"):
            hub.add_repo(f"org/{name}", {"model.safetensors": Pattern(8 * MB, seed=len(name))})
            rig.shelf.add(name, f"org/{name}")
        rig.service.set_limits(ADMIN, bandwidth_limit_bps=8 * MB)
        began = rig.clock.monotonic()
        for name in ("one", "two"):
            rig.service.start(ADMIN, name)
        assert all(rig.end_of(name).verified for name in ("one", "two"))
        assert rig.clock.monotonic() - began > 0.95 * 2.0
    finally:
        rig.close()
