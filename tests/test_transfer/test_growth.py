"""How many connections: as many as gain something, simulated lines decide."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipyap_core.transfer.chunks import (
    LEAST_CHUNK_BYTES,
    MOST_CHUNK_BYTES,
    ChunkQueue,
    next_size,
)
from yipyap_core.transfer.growth import Growth, Slots

MOST = 8


def settle(speed: Callable[[int], float], seconds: float = 12.0, most: int = MOST) -> Growth:
    """Let it look at a line whose speed depends on the number of connections."""
    growth, arrived, now = Growth(), 0.0, 0.0
    while now < seconds:
        growth.look(now, int(arrived), most=most)
        now += 0.05
        arrived += speed(growth.target) * 0.05
    return growth


def test_connections_that_each_bring_their_share_are_all_taken() -> None:
    assert settle(lambda count: count * 20e6).target == MOST


def test_a_line_that_one_connection_fills_keeps_one() -> None:
    assert settle(lambda _: 100e6).target == 1


def test_growth_stops_where_the_line_is_full() -> None:
    assert settle(lambda count: min(count * 20e6, 80e6)).target == 4


def test_it_never_takes_more_than_it_may() -> None:
    assert settle(lambda count: count * 20e6, most=3).target == 3


def test_a_refused_connection_ends_the_growth() -> None:
    growth = settle(lambda count: count * 20e6)
    growth.refused(2)

    assert not growth.look(13.0, 10**12, most=MOST)
    assert growth.target == 2


def test_after_a_while_it_looks_again_for_a_line_that_has_become_free() -> None:
    growth, arrived, now = Growth(), 0.0, 0.0
    while now < 60.0:
        growth.look(now, int(arrived), most=MOST)
        now += 0.05
        arrived += 0.05 * (20e6 if now < 15.0 else growth.target * 20e6)

    assert growth.target == MOST


@given(st.lists(st.integers(0, 10), max_size=30))
def test_slots_are_never_given_twice(wishes: list[int]) -> None:
    slots = Slots(MOST)
    taken = [slots.take(wish) for wish in wishes]

    assert sum(taken) <= MOST
    assert all(got <= wish for got, wish in zip(taken, wishes, strict=True))
    slots.give_back(sum(taken))
    assert slots.take(100) == MOST


@given(
    st.integers(1, 10**9),
    st.lists(st.tuples(st.integers(1, 10**8), st.floats(0, 1), st.booleans()), max_size=60),
)
def test_every_byte_is_handed_out_once_and_again_only_when_given_back(
    size: int, steps: list[tuple[int, float, bool]]
) -> None:
    queue = ChunkQueue([(0, size)])
    done = 0
    for wanted, share, _ in steps:
        chunk = queue.take(wanted)
        if chunk is None:
            break
        fetched = int((chunk.end - chunk.start) * share)
        chunk.start += fetched
        done += fetched
        queue.give_back(chunk)
    while (chunk := queue.take(None)) is not None:
        done += chunk.end - chunk.start
        chunk.start = chunk.end
        queue.give_back(chunk)

    assert done == size
    assert queue.is_done


@given(st.none() | st.floats(0, 1e12), st.integers(0, 10**12), st.integers(1, MOST))
def test_a_request_is_never_tiny_and_never_endless(
    rate: float | None, left: int, connections: int
) -> None:
    assert LEAST_CHUNK_BYTES <= next_size(rate, left, connections) <= MOST_CHUNK_BYTES


def test_waiting_for_work_ends_when_a_chunk_comes_back() -> None:
    queue = ChunkQueue([(0, 10)])
    chunk = queue.take(None)
    assert chunk is not None
    checks = []

    def check() -> None:
        checks.append(1)
        queue.give_back(chunk)

    queue.wait_for_work(check)

    assert checks == [1]
    with pytest.raises(StopIteration):
        taken = queue.take(None)
        assert taken is not None
        queue.wait_until_idle(_stop)


def _stop() -> None:
    raise StopIteration
