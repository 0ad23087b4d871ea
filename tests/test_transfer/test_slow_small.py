"""Small files over a slow line: seen while they come, kept by a stop, asked for once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.standins.hub import Corrupt, Hub, IgnoreRange, Pattern, Reset, Slow, Source, Stall
from tests.test_transfer.support import (
    REPO,
    Control,
    Running,
    assert_cache_is_right,
    assert_nothing_unfinished,
    plan_of,
    transfer_of,
    wait_until,
)
from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.errors import HashMismatch
from yipyap_core.transfer import present

SMALL = "merges.txt"
SMALL_BYTES = 400_000
SLOW_BPS = 500_000


@pytest.fixture
def plan(hub: Hub) -> DownloadPlan:
    return plan_of(hub, hub.add_repo(REPO, {SMALL: Pattern(SMALL_BYTES), "config.json": b"{}"}))


def pause_on_the_way(hub: Hub, cache_dir: Path, plan: DownloadPlan) -> int:
    """Stop when some of the small file is there, as a pause does; how much that is."""
    slow = hub.inject(Slow(SLOW_BPS), path=SMALL)
    running = Running(transfer_of(hub.endpoint, cache_dir), plan, Control())
    wait_until(lambda: running.control.present > SMALL_BYTES // 3)
    assert SMALL not in running.control.done
    running.cancel()
    slow.remove()
    hub.forget_requests()
    return running.control.present


def test_what_comes_slowly_is_seen_on_its_way_and_comes_in_one_answer(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    seen: list[int] = []
    control.when_bytes = seen.append
    hub.inject(Slow(SLOW_BPS), path=SMALL)
    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)
    assert len(seen) > 5
    assert seen[0] < SMALL_BYTES // 2
    assert len(hub.find(SMALL)) == 1
    assert control.present == plan.total_bytes
    assert_cache_is_right(cache_dir, plan)
    assert_nothing_unfinished(cache_dir)


def test_what_a_pause_leaves_of_it_is_not_fetched_again(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    kept = pause_on_the_way(hub, cache_dir, plan)
    there = present(plan, cache_dir)
    assert there.kept_bytes + there.partial_bytes == kept
    assert set(there.partials) == {SMALL}

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert [one.range_start for one in hub.find(SMALL)] == [there.partial_bytes]
    assert (control.kept, control.fetched) == (kept, plan.total_bytes - kept)
    assert_cache_is_right(cache_dir, plan)
    assert_nothing_unfinished(cache_dir)


def test_a_server_without_ranges_sends_it_anew(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    kept = pause_on_the_way(hub, cache_dir, plan)
    hub.inject(IgnoreRange(), path=SMALL)
    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)
    assert 0 < control.lost < kept
    assert control.present == plan.total_bytes
    assert_cache_is_right(cache_dir, plan)


def test_a_line_that_breaks_amid_it_goes_on_from_there(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    hub.inject(Slow(SLOW_BPS), path=SMALL)
    hub.inject(Reset(SMALL_BYTES // 2), path=SMALL, count=1)
    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)
    first, second = hub.find(SMALL)
    assert first.range_start is None
    assert 0 < (second.range_start or 0) <= SMALL_BYTES // 2
    assert control.lost == 0
    assert_cache_is_right(cache_dir, plan)


@pytest.mark.parametrize("times", [1, 2])
def test_a_wrong_byte_in_it_is_fetched_again_once(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan, times: int
) -> None:
    hub.inject(Slow(SLOW_BPS), path=SMALL)
    hub.inject(Corrupt(SMALL_BYTES // 2), path=SMALL, count=times)
    running = Running(transfer_of(hub.endpoint, cache_dir), plan, control)
    outcome = running.outcome()
    assert isinstance(outcome, HashMismatch) is (times == 2)
    assert control.lost == SMALL_BYTES * times
    assert len(hub.find(SMALL)) == 2
    assert_nothing_unfinished(cache_dir)
    if times == 1:
        assert_cache_is_right(cache_dir, plan)


def test_a_stop_amid_a_stall_keeps_what_had_come(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    hub.inject(Slow(SLOW_BPS), path=SMALL)
    hub.inject(Stall(SMALL_BYTES // 2), path=SMALL)
    running = Running(transfer_of(hub.endpoint, cache_dir), plan, Control())
    wait_until(lambda: running.control.present >= SMALL_BYTES // 2)
    assert running.cancel() < 1.0
    there = present(plan, cache_dir)
    assert there.partials == {SMALL: SMALL_BYTES // 2}


def test_many_that_were_begun_go_on_side_by_side(hub: Hub, cache_dir: Path) -> None:
    files: dict[str, Source] = {f"{n:02}.bin": Pattern(300_000, n) for n in range(8)}
    plan = plan_of(hub, hub.add_repo(REPO, files))
    hub.configure(latency_seconds=0.03, connection_bps=200_000)
    running = Running(transfer_of(hub.endpoint, cache_dir), plan, Control())
    wait_until(lambda: len(present(plan, cache_dir).partials) == 7)  # the first told the distance
    running.cancel()
    hub.forget_requests()

    control = Control()
    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert max(use.at_once for use in control.uses()) == 6
    assert all(one.range_start for one in hub.find("*.bin", port="cdn"))
    assert_cache_is_right(cache_dir, plan)
