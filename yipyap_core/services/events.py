"""What changed, for those who listen: a short memory of events with numbers to resume from.

There is one ring and no queue a listener: a slow one misses events and is told so, and holds up
nobody.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

RING_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a download, pull, configuration, cache or engine."""

    number: int
    event_id: str
    """What a listener sends back as `Last-Event-ID`."""
    type: str
    id: str
    """Of what changed, such as a model id."""
    data: Mapping[str, Any] = field(default_factory=dict)


class EventBus:
    """Publishes from any thread; readers ask for what came after the last they saw."""

    def __init__(self, length: int = RING_LENGTH) -> None:
        """Remember the last `length` events."""
        self._ring: deque[Event] = deque(maxlen=length)
        self._changed = threading.Condition()
        self._number = 0
        self._run = secrets.token_hex(4)
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._next_key = 0

    @property
    def last_number(self) -> int:
        """Number of the youngest event; 0 before the first."""
        return self._number

    def publish(self, type: str, id: str, data: Mapping[str, Any] | None = None) -> Event:
        """Tell everybody; wakes waiting readers and calls back the others."""
        with self._changed:
            self._number += 1
            event_id = f"{self._run}-{self._number}"
            event = Event(self._number, event_id, type, id, dict(data or {}))
            self._ring.append(event)
            callbacks = list(self._callbacks.values())
            self._changed.notify_all()
        for callback in callbacks:
            callback()
        return event

    def position_of(self, last_event_id: str | None) -> int | None:
        """Where a listener goes on; None when what it saw last is no longer known.

        Without an id it is the present end: a new listener hears what comes.
        """
        if not last_event_id:
            return self._number
        run, _, number = last_event_id.partition("-")
        if run != self._run or not number.isdecimal() or len(number) > 18:
            return None
        position = int(number)
        with self._changed:
            oldest = self._ring[0].number if self._ring else self._number + 1
        return position if oldest - 1 <= position <= self._number else None

    def after(self, number: int) -> tuple[Event, ...]:
        """The remembered events younger than `number`, oldest first."""
        with self._changed:
            return tuple(event for event in self._ring if event.number > number)

    def wait(self, number: int, timeout_seconds: float) -> tuple[Event, ...]:
        """Like `after`, but waits for a first one; empty when none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > number, timeout_seconds)
        return self.after(number)

    def on_publish(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each event, from the publishing thread; returns how to stop that.

        For readers that must not block a thread: the callback wakes their loop.
        """
        with self._changed:
            key = self._next_key
            self._next_key += 1
            self._callbacks[key] = callback

        def withdraw() -> None:
            with self._changed:
                self._callbacks.pop(key, None)

        return withdraw
