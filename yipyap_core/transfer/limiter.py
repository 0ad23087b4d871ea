"""One limit of bandwidth for a whole host, shared by all transfers and changeable at any time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BURST_SECONDS = 0.1
READ_SECONDS = 0.05
LEAST_READ_BYTES = 4096
LEAST_PAUSE_SECONDS = 0.001
"""A smaller debt is carried over to the next read: no sleep is that short."""
MOST_PAUSE_SECONDS = 0.1
"""How long a waiter sleeps before it looks again, so that a new limit holds soon."""


class BandwidthLimit:
    """A token bucket that may go into debt: who has read pays before reading on.

    The debt makes the mean exact whatever the size of a read; `None` costs one comparison.
    """

    def __init__(
        self,
        bytes_per_second: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with an empty bucket, so that the first seconds keep the limit too."""
        self._clock = clock
        self._lock = threading.Lock()
        self._rate = bytes_per_second
        self._tokens = 0.0
        self._filled_at = clock()

    @property
    def bytes_per_second(self) -> int | None:
        """The limit; None is none."""
        return self._rate

    def change(self, bytes_per_second: int | None) -> None:
        """Hold another limit from now on; earlier debts are forgiven."""
        if bytes_per_second is not None and bytes_per_second <= 0:
            raise ValueError("a limit is positive, or None")
        with self._lock:
            self._rate = bytes_per_second
            self._tokens = 0.0
            self._filled_at = self._clock()

    def read_size(self, most: int) -> int:
        """How much to read at once, so that a limited stream flows evenly."""
        rate = self._rate
        return most if rate is None else max(LEAST_READ_BYTES, min(most, int(rate * READ_SECONDS)))

    def take(self, size_bytes: int, wait: Callable[[float], None]) -> None:
        """Account for bytes that were read, and wait until they are paid for.

        `wait` sleeps and may raise.
        """
        if self._rate is None:
            return
        with self._lock:
            self._fill()
            self._tokens -= size_bytes
        while (seconds := self._debt_seconds()) > LEAST_PAUSE_SECONDS:
            wait(min(seconds, MOST_PAUSE_SECONDS))

    def _debt_seconds(self) -> float:
        with self._lock:
            self._fill()
            return 0.0 if self._rate is None else max(0.0, -self._tokens / self._rate)

    def _fill(self) -> None:
        now = self._clock()
        if self._rate is not None:
            gained = self._rate * max(0.0, now - self._filled_at)
            self._tokens = min(self._tokens + gained, self._rate * BURST_SECONDS)
        self._filled_at = now
