"""How often and how soon a file is tried again: a budget that progress refills."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from yipyap_core.errors import ConnectionLost, HubBusy, HubUnreachable, Stalled, TransferError
from yipyap_core.transfer.options import TransferOptions

PROGRESS_BYTES = 64 * 1024
"""As much as this refills the budget: a line that breaks often still arrives, one that gives a
few bytes each time does not go on for ever."""


PASSING = (HubUnreachable, HubBusy, ConnectionLost, Stalled)
"""What a later request may not meet; anything else ends the file's transfer."""


@dataclass(slots=True)
class RetryBudget:
    """Counts failures in a row; used by all connections of one file.

    Only bytes beyond the most that were ever there count as progress: a server that ignores
    ranges and breaks at the same place each time is given up.
    """

    options: TransferOptions
    chance: Callable[[float, float], float] = random.uniform
    _failures: int = 0
    _most_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def progress(self, present_bytes: int) -> None:
        """Note how much of the file is there now."""
        if present_bytes - self._most_bytes >= PROGRESS_BYTES:
            with self._lock:
                self._most_bytes = present_bytes
                self._failures = 0

    def failed(self, error: TransferError) -> float:
        """Seconds to wait before the next attempt; raises `error` when there is none."""
        with self._lock:
            self._failures += 1
            failures = self._failures
        if not isinstance(error, PASSING) or failures >= self.options.attempts:
            raise error
        asked = error.retry_after_seconds if isinstance(error, HubBusy) else None
        if asked is not None and asked > self.options.longest_wait_seconds:
            raise error
        return max(asked or 0.0, self._backoff(failures))

    def _backoff(self, failures: int) -> float:
        longest = self.options.backoff_seconds * 2.0 ** (failures - 1)
        return self.chance(0.5, 1.0) * min(longest, self.options.backoff_cap_seconds)
