"""When a failed job is tried again by itself."""

from __future__ import annotations

import random
from dataclasses import dataclass

from yipyap_core.errors import (
    ConnectionLost,
    HubBusy,
    HubUnreachable,
    Stalled,
    Unavailable,
    YipyapError,
)

PASSING = (HubUnreachable, HubBusy, ConnectionLost, Stalled, Unavailable)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter for the errors that pass by themselves."""

    transient: tuple[type[YipyapError], ...] = PASSING
    """Only these are retried; all others need a person."""
    max_retries: int = 2
    """In a row without progress; the transfer below has a patience of its own."""
    base_seconds: float = 2.0
    factor: float = 3.0
    max_seconds: float = 300.0
    jitter: float = 0.25
    """Share by which a delay is made longer or shorter, so that many do not come at once."""

    def delay_seconds(self, error: YipyapError, retries: int, rng: random.Random) -> float | None:
        """How long to wait before retry number `retries` + 1; None when it must not be retried.

        What the other side asked to wait (`retry_after_seconds`) is never undercut.
        """
        if not isinstance(error, self.transient) or retries >= self.max_retries:
            return None
        delay = min(self.max_seconds, self.base_seconds * self.factor**retries)
        delay *= 1.0 + self.jitter * (2.0 * rng.random() - 1.0)
        asked = getattr(error, "retry_after_seconds", None)
        return max(delay, float(asked)) if asked else delay
