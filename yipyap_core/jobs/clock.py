"""Time as the runner sees it; tests bring a clock of their own."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Moments, durations and waiting, from one source."""

    def now(self) -> dt.datetime:
        """The present moment, aware, in UTC; it may jump."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; it never goes back."""

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Wait until `event` is set or the seconds are over; whether it is set."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> dt.datetime:
        """Read the wall clock."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Read the clock that never goes back."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Block this thread."""
        return event.wait(seconds)
