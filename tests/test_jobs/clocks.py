"""A clock that stands still until a test moves it."""

from __future__ import annotations

import datetime as dt
import threading

START = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


class HandClock:
    """Time that `advance` moves; waiting ends when the time has come or the event is set."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._offset = 0.0
        self._condition = threading.Condition()
        self._waits: list[float] = []

    def now(self) -> dt.datetime:
        return START + dt.timedelta(seconds=self._seconds + self._offset)

    def monotonic(self) -> float:
        return self._seconds

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Block without regard to real time; polls the event so that `set` needs no hook."""
        with self._condition:
            until = None if seconds is None else self._seconds + seconds
            while not event.is_set() and (until is None or self._seconds < until):
                self._condition.wait(0.005)
        return event.is_set()

    def advance(self, seconds: float) -> None:
        with self._condition:
            self._seconds += seconds
            self._condition.notify_all()

    def set_back(self, seconds: float) -> None:
        """Change the wall clock, as a person or the network's time does."""
        self._offset -= seconds
