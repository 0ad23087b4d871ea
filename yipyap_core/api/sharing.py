"""One look for all who wait for it: many requests at once cost one thread, not one each.

Threads that take turns under the interpreter's lock cost more than what they do here; sixteen
clients that ask for the registry at once were slower than one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool

T = TypeVar("T")


class SharedLook(Generic[T]):
    """Looks in a thread; whoever comes while one looks shares the next look, never that one.

    So nobody gets to see less than what was true when they asked.
    """

    def __init__(self) -> None:
        """Serve any number of event loops, each by itself."""
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue[T]] = WeakKeyDictionary()

    async def get(self, look: Callable[[], T]) -> T:
        """Run `look`, or take what somebody's run gives that begins after this call."""
        queue = self._queues.setdefault(asyncio.get_running_loop(), _Queue())
        return await queue.get(look)


class _Queue(Generic[T]):
    """Those who wait in one event loop."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._begun = 0
        self._last: tuple[int, T] | None = None

    async def get(self, look: Callable[[], T]) -> T:
        seen = self._begun
        async with self._turn:
            if self._last is not None and self._last[0] > seen:
                return self._last[1]
            self._begun += 1
            number = self._begun
            value = await run_in_threadpool(look)
            self._last = (number, value)
            return value
