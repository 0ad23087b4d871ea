from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_jobs.clocks import HandClock
from yipyap_core.domain.jobs import Phase, Progress
from yipyap_core.jobs.meter import MAX_EVENTS, Meter


@pytest.fixture
def meter(clock: HandClock) -> Meter:
    return Meter(clock)


@pytest.fixture
def switching_often() -> Iterator[None]:
    """Threads take turns so often that a race shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_bytes_of_many_threads_add_up_without_a_lock(meter: Meter) -> None:
    meter.set_plan(bytes_total=8_000, files_total=1, kept_bytes=0)

    def work() -> None:
        for _ in range(1_000):
            meter.add_bytes(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.snapshot().bytes_done == meter.fetched_bytes == 8_000


def test_kept_bytes_are_shown_before_and_while_the_transfer_counts_them(meter: Meter) -> None:
    meter.set_plan(bytes_total=100, files_total=4, kept_bytes=60, kept_files=2)
    assert (meter.snapshot().bytes_done, meter.snapshot().files_done) == (60, 2)
    meter.add_kept_bytes(40)
    meter.file_done()
    assert (meter.snapshot().bytes_done, meter.snapshot().files_done) == (60, 2)
    meter.add_kept_bytes(20)
    meter.add_bytes(30)
    assert meter.snapshot().bytes_done == 90
    assert meter.snapshot().percent == 90.0


def test_a_file_that_starts_again_takes_its_bytes_back_and_says_why(meter: Meter) -> None:
    meter.set_plan(bytes_total=100, files_total=1, kept_bytes=0)
    meter.add_bytes(70)
    meter.restart_file("a.bin", 50, "its hash was wrong")
    assert meter.snapshot().bytes_done == 20
    (event,) = meter.drain_events()
    assert event.kind == "restart_file" and "a.bin" in event.message
    assert meter.drain_events() == ()


def test_less_on_the_disk_than_was_shown_is_said(clock: HandClock) -> None:
    meter = Meter(clock, start=Progress(bytes_done=80, bytes_total=100, files_total=1))
    assert meter.snapshot().bytes_done == 80
    meter.set_plan(bytes_total=100, files_total=1, kept_bytes=75)
    assert meter.snapshot().bytes_done == 75
    assert [event.kind for event in meter.drain_events()] == ["fewer_kept"]


def test_what_a_stop_would_lose_is_told_apart_and_never_more_than_there_is(meter: Meter) -> None:
    meter.set_plan(bytes_total=100, files_total=2, kept_bytes=10, kept_files=1, kept_whole_bytes=10)
    meter.add_kept_bytes(10)
    meter.add_fleeting_bytes(40)
    meter.add_bytes(40)
    assert meter.snapshot().fleeting_bytes == 40
    meter.restart_file("a.bin", 40, "nothing is kept")
    assert meter.snapshot().fleeting_bytes == 0
    meter.add_fleeting_bytes(-40)
    meter.add_bytes(5)
    assert meter.snapshot().fleeting_bytes == 0


def test_what_is_only_left_to_be_hashed_is_summed_up_until_the_files_are_done(meter: Meter) -> None:
    meter.hashing("a.bin", 30)
    meter.hashing("b.bin", 20)
    meter.hashing("a.bin", 10)
    assert meter.snapshot().unhashed_bytes == 30
    meter.file_done("a.bin")
    assert meter.snapshot().unhashed_bytes == 20
    meter.restart_file("b.bin", 20, "its hash was wrong")
    assert meter.snapshot().unhashed_bytes == 0


def test_a_second_run_counts_anew(meter: Meter) -> None:
    meter.set_plan(bytes_total=100, files_total=2, kept_bytes=0)
    meter.add_bytes(100)
    meter.file_done()
    meter.file_done()
    meter.set_plan(bytes_total=100, files_total=2, kept_bytes=40, kept_files=1)
    meter.add_kept_bytes(40)
    meter.file_done()
    meter.add_bytes(60)
    meter.file_done()
    after = meter.snapshot()
    assert (after.bytes_done, after.files_done, meter.fetched_bytes) == (100, 2, 160)


@pytest.mark.usefixtures("switching_often")
def test_no_reader_sees_a_plan_that_is_half_made(meter: Meter) -> None:
    meter.set_plan(bytes_total=10**9, files_total=1, kept_bytes=0)
    arrived = [0]

    def plan_anew() -> None:
        for _ in range(3_000):
            arrived[0] += 1_000
            meter.add_bytes(1_000)
            done = meter.snapshot().bytes_done
            meter.set_plan(bytes_total=10**9, files_total=1, kept_bytes=done)
            meter.add_kept_bytes(done)

    shown = [0]
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(plan_anew)
        while not writer.done():
            shown.append(meter.snapshot().bytes_done)
            assert shown[-2] <= shown[-1] <= arrived[0]
        writer.result()
    assert meter.snapshot().bytes_done == 3_000_000


def test_the_current_file_is_one_that_still_arrives(meter: Meter) -> None:
    meter.set_plan(bytes_total=100, files_total=3, kept_bytes=0)
    shown = []
    for path in ("large", "small"):
        meter.file_started(path)
        shown.append(meter.snapshot().current_file)
    for path in ("small", "large"):
        meter.file_done(path, 50)
        shown.append(meter.snapshot().current_file)

    assert shown == ["large", "small", "large", None]


def test_speed_and_eta_follow_what_arrives(meter: Meter, clock: HandClock) -> None:
    meter.set_plan(bytes_total=10_000, files_total=1, kept_bytes=0)
    for _ in range(40):
        clock.advance(0.25)
        meter.add_bytes(25)
        meter.sample()
    assert meter.snapshot().speed_bps == pytest.approx(100)
    assert meter.snapshot().eta_seconds == pytest.approx(90)
    assert meter.speeds() == pytest.approx([100.0] * 10)
    for _ in range(80):
        clock.advance(0.25)
        meter.sample()
    assert meter.snapshot().speed_bps < 1
    assert meter.snapshot().eta_seconds is None


def test_kept_bytes_make_no_speed(meter: Meter, clock: HandClock) -> None:
    meter.set_plan(bytes_total=1_000, files_total=1, kept_bytes=900)
    meter.add_kept_bytes(900)
    clock.advance(1)
    meter.sample()
    assert meter.snapshot().speed_bps == 0


def test_totals_go_on_from_earlier_attempts(clock: HandClock) -> None:
    meter = Meter(clock, fetched_before=1_000, active_before=60.0)
    clock.advance(5)
    meter.add_bytes(7)
    assert meter.totals == (1_007, 65.0)


def test_phases_are_said_once_and_stalls_each_time(clock: HandClock) -> None:
    changes: list[int] = []
    meter = Meter(clock, on_change=lambda: changes.append(1))
    phases = [Phase.TRANSFERRING, Phase.VERIFYING, Phase.TRANSFERRING, Phase.STALLED]
    for phase in [*phases, *phases, Phase.STALLED]:
        meter.set_phase(phase)
    kinds = [event.kind for event in meter.drain_events()]
    assert kinds == ["transferring", "verifying", "stalled", "stalled"]
    assert len(changes) == 8


def test_a_flood_of_notes_is_cut_and_the_cut_is_said(meter: Meter) -> None:
    for number in range(MAX_EVENTS * 2):
        meter.note("retry", str(number))
    events = meter.drain_events()
    assert len(events) == MAX_EVENTS
    assert events[-1].kind == "cut"


@given(st.lists(st.tuples(st.sampled_from(["fetch", "keep", "lose"]), st.integers(0, 50))))
def test_shown_bytes_stay_within_the_plan_and_fall_only_with_a_reason(
    steps: list[tuple[str, int]],
) -> None:
    meter = Meter(HandClock())
    meter.set_plan(bytes_total=200, files_total=1, kept_bytes=0)
    last = 0
    for kind, size in steps:
        {
            "fetch": lambda n: meter.add_bytes(n),
            "keep": lambda n: meter.add_kept_bytes(n),
            "lose": lambda n: meter.restart_file("a", n, "why"),
        }[kind](size)
        done = meter.snapshot().bytes_done
        assert 0 <= done <= 200
        assert meter.snapshot().percent < 100
        assert done >= last or any(one.kind == "restart_file" for one in meter.drain_events())
        last = done
