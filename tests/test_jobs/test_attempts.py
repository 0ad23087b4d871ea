"""What is written of a running job while two threads write."""

from __future__ import annotations

import threading
from typing import Any

from tests.test_jobs.clocks import HandClock
from tests.test_stores.test_jobs_store import claim, job
from yipyap_core.domain.connections import KEY, HostUse, uses_of_json
from yipyap_core.domain.jobs import Job
from yipyap_core.jobs.attempts import Attempt
from yipyap_core.jobs.meter import Meter
from yipyap_core.jobs.tokens import CancelToken
from yipyap_core.jobs.work import JobContext
from yipyap_core.stores.jobs import JobStore


class SlowFirstWrite(JobStore):
    """While the first heartbeat is on its way, another thread gets its chance to pass it."""

    overtake: threading.Thread | None = None

    def heartbeat(self, job_id: str, **values: Any) -> str | None:
        other, self.overtake = self.overtake, None
        if other is not None:
            other.start()
            other.join(0.1)
        return super().heartbeat(job_id, **values)


def test_the_last_counters_are_written_last(store: JobStore, clock: HandClock) -> None:
    slow = SlowFirstWrite(store._engine)
    running = _claimed(slow)
    meter = Meter(clock)
    attempt = Attempt(JobContext(running, CancelToken(clock), meter, clock, slow), "me")

    def finish() -> None:
        meter.add_bytes(7)
        attempt.flush()

    slow.overtake = overtaking = threading.Thread(target=finish)
    attempt.flush()
    overtaking.join()

    assert slow.get(running.id).progress.bytes_done == 7


def test_connections_are_stored_when_they_are_others_and_exactly_at_the_end(
    store: JobStore, clock: HandClock
) -> None:
    running = _claimed(store)
    meter = Meter(clock, uses_before=(HostUse("https://hub", opened=2, at_once=1, streams=3),))
    attempt = Attempt(JobContext(running, CancelToken(clock), meter, clock, store), "me")
    now = [HostUse("https://hub", opened=1, at_once=1, streams=1)]
    meter.uses(lambda: tuple(now))

    def stored() -> HostUse:
        (use,) = uses_of_json(store.get(running.id).payload[KEY])
        return use

    attempt.flush()
    assert (stored().opened, stored().streams) == (3, 4)
    now[0] = HostUse("https://hub", opened=1, at_once=1, streams=70)
    attempt.flush()
    assert stored().streams == 4  # no write a second for a number
    attempt.flush(last=True)
    assert stored().streams == 73
    now[0] = HostUse("https://hub", opened=4, at_once=4, streams=70)
    attempt.flush()
    assert (stored().opened, stored().at_once) == (6, 4)


def _claimed(store: JobStore) -> Job:
    queued, _ = store.add(job("model"), "Queued.")
    claimed = claim(store, queued)
    assert claimed is not None
    return claimed
