"""Two who read the jobs at the same moment: each gets what was true when he asked, or newer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from yipyap_core.jobs.clock import SystemClock
from yipyap_core.services.downloads.statuses import LatestJobs


class SlowStore:
    """Its first reading is held until the test lets it go, and is old by then."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go_on = threading.Event()
        self.readings: list[dict[str, Any]] = [{"model": "running"}, {"model": "done"}]

    def latest(self, kind: object) -> dict[str, Any]:  # noqa: ARG002
        found = self.readings.pop(0)
        if not self.began.is_set():
            self.began.set()
            assert self.go_on.wait(30)
        return found


def test_an_older_reading_does_not_replace_a_newer_one() -> None:
    store: Any = SlowStore()
    latest: Any = LatestJobs(store, SystemClock(), lambda _: None)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(latest.all)
        assert store.began.wait(30)
        latest.touch()
        assert latest.of("model") == "done"
        store.go_on.set()
        assert slow.result(30) == {"model": "done"}
    assert latest.of("model") == "done"


def test_who_asks_after_a_change_never_gets_what_was_read_before_it() -> None:
    """The change is seen by whoever is told of it, though another has begun to read it, too."""
    store: Any = SlowStore()
    store.readings = [{"model": "done"}, {"model": "done"}]
    latest: Any = LatestJobs(store, SystemClock(), lambda _: None)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(latest.all)
        assert store.began.wait(30)

        assert latest.of("model") == "done"

        store.go_on.set()
        assert slow.result(30) == {"model": "done"}
    assert latest.of("model") == "done"
    assert store.readings == []
