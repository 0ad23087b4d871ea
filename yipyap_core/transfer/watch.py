"""Ends connections on which nothing, or next to nothing, arrives.

A time-out of the socket would not do: a server that sends one byte every nine seconds never runs
into it. The watch is one thread a run; it shuts the socket, and the owner of the connection finds
the reason in its pulse.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from yipyap_core.transfer.connection import Busy, Line
from yipyap_core.transfer.options import TransferOptions
from yipyap_core.transfer.stopping import shut_down

MOST_TICK_SECONDS = 0.25
QUIET_SHARE = 0.25
"""After this share of the stall time without a byte on any line the run counts as stalled."""


@dataclass(slots=True)
class _Window:
    """How long a line has been waited for, and how much had arrived when that began."""

    waited_seconds: float = 0.0
    received: int = 0


class LineWatch:
    """Looks at every line of a run a few times a second."""

    def __init__(self, options: TransferOptions, on_quiet: Callable[[bool], None]) -> None:
        """Start with no line; `on_quiet` is told when all lines fall silent, and when not."""
        self._options = options
        self._on_quiet = on_quiet
        self._lock = threading.Lock()
        self._lines: dict[Line, _Window] = {}
        self._gone_bytes = 0
        self._ended = threading.Event()
        self._tick_seconds = min(MOST_TICK_SECONDS, options.stall_seconds / 8)
        self._thread = threading.Thread(target=self._run, name="transfer-watch", daemon=True)

    def __enter__(self) -> LineWatch:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking and wait for the thread."""
        self._ended.set()
        self._thread.join()

    def add(self, line: Line) -> None:
        """Look at this line too."""
        with self._lock:
            self._lines[line] = _Window()

    def discard(self, line: Line) -> None:
        """Forget a line that is closed."""
        with self._lock:
            if self._lines.pop(line, None):
                self._gone_bytes += line.pulse.received

    def _run(self) -> None:
        seen, changed_at, quiet = -1, time.monotonic(), False
        while not self._ended.wait(self._tick_seconds):
            now = time.monotonic()
            with self._lock:
                lines = list(self._lines.items())
                total = self._gone_bytes + sum(line.pulse.received for line, _ in lines)
            for line, window in lines:
                self._look_at(line, window, now)
            waiting = any(line.pulse.busy is not Busy.NOTHING for line, _ in lines)
            if total != seen or not waiting:
                seen, changed_at = total, now
            silent = now - changed_at >= self._options.stall_seconds * QUIET_SHARE
            if silent != quiet:
                quiet = silent
                self._on_quiet(quiet)

    def _look_at(self, line: Line, window: _Window, now: float) -> None:
        reason = self._reason_to_end(line, window, now)
        if reason is not None and line.pulse.expired is None:
            line.pulse.expired = reason
            shut_down(line.sock)

    def _reason_to_end(self, line: Line, window: _Window, now: float) -> str | None:
        options, pulse = self._options, line.pulse
        waited = now - pulse.since
        if pulse.busy is Busy.HEADERS and waited >= options.answer_timeout_seconds:
            return f"{line.origin} did not answer within {options.answer_timeout_seconds:g} s"
        if pulse.busy is not Busy.BODY:
            return None
        if waited >= options.stall_seconds:
            return f"{line.origin} sent nothing for {options.stall_seconds:g} s"
        window.waited_seconds += self._tick_seconds
        if window.waited_seconds < options.stall_seconds:
            return None
        arrived = pulse.received - window.received
        slow = arrived < options.min_bytes_per_second * window.waited_seconds
        window.waited_seconds, window.received = 0.0, pulse.received
        return f"{line.origin} sent next to nothing: {arrived} bytes" if slow else None
