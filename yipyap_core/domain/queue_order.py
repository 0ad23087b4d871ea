"""Places in the queue, and what becomes of them when a job that waits is moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from yipyap_core.domain.jobs import Job


class Place(NamedTuple):
    """Where a job stands: the higher priority first, then the lower position."""

    priority: int
    position: int


def moved(queue: Sequence[Job], job_id: str, steps: int) -> Mapping[str, Place]:
    """New places by job id, after one job of `queue` went up (negative) or down past others.

    Beyond the ends nothing happens; empty when the job is not in `queue`, which is in order.
    """
    ids = [job.id for job in queue]
    if job_id not in ids:
        return {}
    here = ids.index(job_id)
    ids.insert(max(0, min(len(ids) - 1, here + steps)), ids.pop(here))
    places = _apart(Place(job.priority, job.position) for job in queue)
    return dict(zip(ids, places, strict=True))


def _apart(places: Iterable[Place]) -> list[Place]:
    """Give those that share a place one each, or a move between them would change nothing."""
    found: list[Place] = []
    for place in places:
        if found and place.priority == found[-1].priority:
            place = place._replace(position=max(place.position, found[-1].position + 1))
        found.append(place)
    return found
