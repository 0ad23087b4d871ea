"""Waiting for what another thread or process brings about, with an end in any case."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

POLL_SECONDS = 0.01


def wait_until(
    condition: Callable[[], bool],
    *,
    timeout_seconds: float,
    last: Callable[[], Sequence[object]],
) -> None:
    """Wait until `condition` holds.

    Raises:
        TimeoutError: it did not in time; the message ends with what `last` gives.
    """
    deadline = time.monotonic() + timeout_seconds
    tick = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            told = "\n".join(str(each) for each in last()[-5:])
            raise TimeoutError(f"not within {timeout_seconds} s; last requests:\n{told}")
        tick.wait(POLL_SECONDS)
