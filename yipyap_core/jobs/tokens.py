"""How a running job is told to stop, within moments and from any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum

from yipyap_core.jobs.clock import Clock, SystemClock


class StopReason(StrEnum):
    """Why a job is to stop; it decides what becomes of it."""

    PAUSE = "pause"
    CANCEL = "cancel"
    SHUTDOWN = "shutdown"
    YIELD = "yield"
    """Fewer jobs may run than do; it goes back into the queue."""


class JobStopped(BaseException):
    """Raised inside a worker when its token is cancelled; no worker may swallow it.

    It is no `Exception`, so that a broad handler in a library cannot mistake it for a failure.
    """

    def __init__(self, reason: StopReason) -> None:
        """Keep the reason for the supervisor."""
        super().__init__(reason.value)
        self.reason = reason


class CancelToken:
    """A one-way switch that a worker asks, waits on, and hangs callbacks on."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Start uncancelled."""
        self._clock = clock or SystemClock()
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._reason: StopReason | None = None
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._next_key = 0

    @property
    def reason(self) -> StopReason | None:
        """Why it was cancelled; None while it is not. The first reason stays."""
        return self._reason

    def cancel(self, reason: StopReason) -> bool:
        """Switch, wake all waiters and run the callbacks; False when it was done already."""
        with self._lock:
            if self._reason is not None:
                return False
            self._reason = reason
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
        self._event.set()
        for callback in callbacks:
            callback()
        return True

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Run `callback` on cancellation, at once if it came already; returns how to withdraw it.

        The callback runs in the cancelling thread: it may shut a socket down, and nothing slow.
        """
        with self._lock:
            if self._reason is None:
                key = self._next_key
                self._next_key += 1
                self._callbacks[key] = callback
                return lambda: self._withdraw(key)
        callback()
        return _nothing

    def wait(self, seconds: float | None) -> bool:
        """Sleep, but end at once on cancellation; whether it is cancelled."""
        return self._clock.wait(self._event, seconds)

    def raise_if_cancelled(self) -> None:
        """Raise `JobStopped` when the job is to stop."""
        if self._reason is not None:
            raise JobStopped(self._reason)

    def _withdraw(self, key: int) -> None:
        with self._lock:
            self._callbacks.pop(key, None)


def _nothing() -> None:
    """Withdraw a callback that has run already."""
