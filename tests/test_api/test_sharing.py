"""Who waits together looks once; nobody sees less than was true when they asked."""

from __future__ import annotations

import asyncio
import threading

import pytest

from yipyap_core.api.sharing import SharedLook


def test_those_who_come_while_one_looks_share_the_next_look() -> None:
    looks: list[int] = []
    first_runs, go_on = threading.Event(), threading.Event()

    def look() -> int:
        looks.append(len(looks) + 1)
        if len(looks) == 1:
            first_runs.set()
            assert go_on.wait(30)
        return looks[-1]

    async def run() -> tuple[int, list[int]]:
        shared = SharedLook[int]()
        first = asyncio.create_task(shared.get(look))
        await asyncio.to_thread(first_runs.wait, 30)
        later = [asyncio.create_task(shared.get(look)) for _ in range(20)]
        await asyncio.sleep(0)  # let them get in line
        go_on.set()
        return await first, await asyncio.gather(*later)

    first, later = asyncio.run(run())
    assert first == 1
    assert later == [2] * 20  # not 1, which began before they came
    assert looks == [1, 2]


def test_one_after_the_other_looks_each_time() -> None:
    numbers = iter(range(100))

    async def run() -> list[int]:
        shared = SharedLook[int]()
        return [await shared.get(lambda: next(numbers)) for _ in range(3)]

    assert asyncio.run(run()) == [0, 1, 2]


def test_a_look_that_fails_fails_for_itself_alone() -> None:
    outcomes: list[object] = [ValueError("first"), 2, 3]

    def look() -> object:
        outcome = outcomes.pop(0)
        if isinstance(outcome, ValueError):
            raise outcome
        return outcome

    async def run() -> object:
        shared = SharedLook[object]()
        with pytest.raises(ValueError, match="first"):
            await shared.get(look)
        return await shared.get(look)

    assert asyncio.run(run()) == 2


def test_each_event_loop_waits_for_itself() -> None:
    shared = SharedLook[int]()

    async def crowd() -> list[int]:
        return await asyncio.gather(*[shared.get(lambda: 7) for _ in range(5)])

    for _ in range(3):
        assert asyncio.run(crowd()) == [7] * 5
