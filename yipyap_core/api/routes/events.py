"""Changes as they happen: server-sent events that resume where a listener stopped."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from yipyap_core.api.access import Current, still_may
from yipyap_core.api.streams import HEADERS, MEDIA_TYPE, frame, server_is_stopping
from yipyap_core.services.events import Event, EventBus

router = APIRouter(tags=["events"])

BEAT_SECONDS = 15.0
"""How often a quiet stream shows that it lives."""
LOOK_SECONDS = 0.5
"""How soon a stream notices that the server stops."""


@router.get("/events", response_class=StreamingResponse)
async def events(request: Request, services: Current) -> StreamingResponse:
    """Every change of a download, pull, configuration, cache or engine, as it happens.

    `Last-Event-ID` goes on from there; where that is too long ago, a frame of type `reset` says so
    and everything should be read anew.
    """
    frames = _frames(request, services.downloads.events)
    return StreamingResponse(frames, media_type=MEDIA_TYPE, headers=dict(HEADERS))


async def _frames(request: Request, bus: EventBus) -> AsyncIterator[bytes]:
    known = bus.position_of(request.headers.get("last-event-id"))
    position = bus.last_number if known is None else known
    yield b"retry: 3000\n\n"
    if known is None:
        yield frame({"type": "reset", "id": ""})
    changed = asyncio.Event()
    withdraw = bus.on_publish(_waker(changed))
    try:
        while await _wait(changed, bus, position):
            if not await run_in_threadpool(still_may, request):
                return
            found = bus.after(position)
            for event in found:
                yield _frame_of(event)
            position = found[-1].number if found else position
            if not found:
                yield b": beat\n\n"
    finally:
        withdraw()


async def _wait(changed: asyncio.Event, bus: EventBus, position: int) -> bool:
    """Wait for news or for the next beat; False when the server stops."""
    until = time.monotonic() + BEAT_SECONDS
    while bus.last_number <= position and time.monotonic() < until:
        if server_is_stopping():
            return False
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), LOOK_SECONDS)
        changed.clear()
    return not server_is_stopping()


def _waker(changed: asyncio.Event) -> Callable[[], None]:
    """What a publishing thread calls; a loop that has ended meanwhile is no error."""
    loop = asyncio.get_running_loop()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(changed.set)

    return wake


def _frame_of(event: Event) -> bytes:
    data = {**event.data, "type": event.type, "id": event.id}
    return frame(data, event_id=event.event_id)
