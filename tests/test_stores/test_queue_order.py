"""A move in the queue, whatever places the jobs had before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.test_stores.test_jobs_store import job
from yipyap_core.domain.jobs import Job
from yipyap_core.domain.queue_order import moved

places = st.tuples(st.integers(-2, 2), st.integers(1, 6))


def in_order(found: list[tuple[int, int]]) -> list[Job]:
    """Jobs as the store lists them; several may share a place."""
    found = sorted(found, key=lambda place: (-place[0], place[1]))
    return [
        job(str(number), priority=priority, position=position)
        for number, (priority, position) in enumerate(found)
    ]


@given(st.lists(places, min_size=1, max_size=9), st.integers(-20, 20), st.data())
def test_a_job_comes_to_stand_where_it_was_moved_to(
    found: list[tuple[int, int]], steps: int, data: st.DataObject
) -> None:
    queue = in_order(found)
    here = data.draw(st.integers(0, len(queue) - 1))
    ids = [one.id for one in queue]
    there = max(0, min(len(ids) - 1, here + steps))
    wanted = ids[:here] + ids[here + 1 :]
    wanted.insert(there, ids[here])

    after = moved(queue, ids[here], steps)

    assert sorted(after, key=lambda name: (-after[name].priority, after[name].position)) == wanted
    assert len(set(after.values())) == len(queue)


def test_a_job_that_does_not_wait_has_no_place() -> None:
    assert moved(in_order([(0, 1), (0, 2)]), "gone", -1) == {}
