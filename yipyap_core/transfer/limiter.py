"""One limit of bandwidth for a whole host, shared by all transfers and changeable at any time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from yipyap_core.transfer.turns import Turns

BURST_SECONDS = 0.25
"""So much unused time may be made up for: what a busy machine held up, not what nobody wanted."""
READ_SECONDS = 0.01
"""A read is at most as large as the limit allows in so long: what many share flows evenly."""
LEAST_PAUSE_SECONDS = 0.001
"""No sleep is that short: a turn that is so near has come."""
MOST_PAUSE_SECONDS = 0.1
"""How long a waiter sleeps before it looks again, so that a new limit holds soon."""
JUDGE_SECONDS = 1.0
REACHED_SHARE = 0.95
MOST_AHEAD_SECONDS = 60.0
"""Nobody books so far ahead: a line that is free later than that was booked before a restart."""


class BandwidthLimit:
    """A queue of reads: each is booked before it begins, and waits until its own turn has come.

    Were a read paid for afterwards, all that wait for the same debt would read at the same moment,
    and a hundred connections would bring seconds of the limit at once. `None` costs one comparison.
    """

    def __init__(
        self,
        bytes_per_second: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        turns: Turns | None = None,
    ) -> None:
        """Begin with nothing to make up for, so that the first seconds keep the limit too.

        `turns` is the book that others share; `clock` is the one by which they all keep it.
        """
        self._clock = clock
        self._turns = turns or Turns()
        self._lock = threading.Lock()
        self._rate: int | None = None
        self._changes = 0
        self._judged_at, self._judged_bytes = clock(), 0.0
        self._is_reached = True
        self.change(bytes_per_second)

    @property
    def bytes_per_second(self) -> int | None:
        """The limit; None is none."""
        return self._rate

    @property
    def is_reached(self) -> bool:
        """Whether the limit, and not the line, is what holds the transfers up."""
        rate = self._rate
        if rate is None:
            return False
        with self._lock:
            seconds = self._clock() - self._judged_at
            if seconds >= JUDGE_SECONDS:
                passed = self._begin_to_judge()
                self._is_reached = passed > REACHED_SHARE * rate * seconds
            return self._is_reached

    def change(self, bytes_per_second: int | None) -> None:
        """Hold another limit from now on; whoever waits for the one before may read."""
        if bytes_per_second is not None and bytes_per_second <= 0:
            raise ValueError("a limit is positive, or None")
        with self._turns as turns:
            self._rate = bytes_per_second
            self._changes += 1
            turns.free_at = self._clock()
        with self._lock:
            self._is_reached = True
            self._begin_to_judge()

    def take(self, most: int, wait: Callable[[float], None]) -> int:
        """Wait until bytes may be read; says how many, from 1 to `most`.

        `wait` sleeps and may raise. What does not come of them is for `give_back`.
        """
        if self._rate is None:
            return most
        size_bytes, turn_at, changes = self._book(most)
        try:
            while self._changes == changes and (
                (seconds := turn_at - self._clock()) > LEAST_PAUSE_SECONDS
            ):
                wait(min(seconds, MOST_PAUSE_SECONDS))
        except BaseException:
            self.give_back(size_bytes)
            raise
        return size_bytes

    def give_back(self, size_bytes: int) -> None:
        """So many of the bytes that might be read have not come."""
        rate = self._rate
        if size_bytes <= 0 or rate is None:
            return
        with self._turns as turns:
            turns.free_at -= size_bytes / rate
            turns.booked_bytes -= size_bytes

    def _book(self, most: int) -> tuple[int, float, int]:
        """Size and turn of a read, and how often the limit had changed by then.

        The more wait, the smaller are the reads: what many have booked and does not come is made
        up for later, and would be seconds of the limit.
        """
        with self._turns as turns:
            now, rate = self._clock(), self._rate
            if rate is None:
                return most, now, -1
            free_at = turns.free_at if turns.free_at < now + MOST_AHEAD_SECONDS else now
            turn_at = max(free_at, now - BURST_SECONDS)
            seconds = READ_SECONDS**2 / (READ_SECONDS + max(0.0, turn_at - now))
            size_bytes = max(1, min(most, int(rate * seconds)))
            turns.free_at = turn_at + size_bytes / rate
            turns.booked_bytes += size_bytes
            return size_bytes, turn_at, self._changes

    def _begin_to_judge(self) -> float:
        """What was booked since this was called the last time."""
        before = self._judged_bytes
        with self._turns as turns:
            self._judged_at, self._judged_bytes = self._clock(), turns.booked_bytes
        return self._judged_bytes - before
