"""How many connections are used: twice as many as long as it gains something.

A line that each connection can fill is not made faster by a second one; where the server or the
distance limits each connection, every further one adds its share.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

SETTLE_SECONDS = 0.2
"""What new connections need to get up to speed; not measured."""
MEASURE_SECONDS = 0.3
WORTH_SHARE = 0.35
"""Of the gain that new connections would bring if nothing else limited the file."""
PROBE_AGAIN_SECONDS = 20.0


class Slots:
    """The connections that all large files of a run share."""

    def __init__(self, count: int) -> None:
        """Begin with `count` free ones."""
        self._free = count
        self._lock = threading.Lock()

    def take(self, wanted: int) -> int:
        """Take up to `wanted`; says how many there were."""
        with self._lock:
            taken = max(0, min(wanted, self._free))
            self._free -= taken
            return taken

    def give_back(self, count: int = 1) -> None:
        """Free some."""
        with self._lock:
            self._free += count


@dataclass(slots=True)
class Growth:
    """Decides from what arrives, in bytes or in files; pure, so that it is tested without a net."""

    target: int = 1
    """How many connections there should be."""
    settle_seconds: float = SETTLE_SECONDS
    measure_seconds: float = MEASURE_SECONDS
    _settled: bool = False
    _base_rate: float = 0.0
    _base_target: int = 0
    _mark_at: float | None = None
    _mark_bytes: int = 0
    _measuring: bool = False

    def __post_init__(self) -> None:
        """Compare with where it begins."""
        self._base_target = self.target

    def look(self, now: float, present_bytes: int, *, most: int) -> bool:
        """Move `target` by what arrived since the last look; says whether it moved."""
        if self._mark_at is None:
            self._mark(now, present_bytes)
            return False
        waited = now - self._mark_at
        if self._settled:
            return waited >= PROBE_AGAIN_SECONDS and self._probe_again(now, present_bytes)
        if not self._measuring:
            if waited >= self.settle_seconds:
                self._measuring = True
                self._mark(now, present_bytes)
            return False
        if waited < self.measure_seconds:
            return False
        rate = (present_bytes - self._mark_bytes) / waited
        self._measuring = False
        self._mark(now, present_bytes)
        return self._judge(rate, most)

    def refused(self, connections: int) -> None:
        """The server ended a further connection: stay with those there are."""
        self.target = max(1, connections)
        self._settled = True

    def _judge(self, rate: float, most: int) -> bool:
        before = self.target
        if self.target > self._base_target:
            hoped = self._base_rate * self.target / self._base_target
            if rate < self._base_rate + WORTH_SHARE * (hoped - self._base_rate):
                self.target, self._settled = self._base_target, True
                return True
        self._base_rate, self._base_target = rate, self.target
        self.target = min(most, self.target * 2)
        self._settled = self.target == before
        return self.target != before

    def _probe_again(self, now: float, present_bytes: int) -> bool:
        self._settled = self._measuring = False
        self._base_target = self.target
        self._mark(now, present_bytes)
        return False

    def _mark(self, now: float, present_bytes: int) -> None:
        self._mark_at, self._mark_bytes = now, present_bytes
