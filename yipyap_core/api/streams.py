"""What every endpoint that streams needs: frames, and an end when the server stops."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from typing import Any

HEADERS: Mapping[str, str] = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
"""Keeps proxies from holding frames back."""

MEDIA_TYPE = "text/event-stream"


def frame(data: Mapping[str, Any], *, event_id: str | None = None) -> bytes:
    """One server-sent event; JSON has no line breaks, so one `data` line is enough."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def server_is_stopping() -> bool:
    """Whether uvicorn was asked to end; it waits for streams, so they have to look.

    While uvicorn runs, the handler of SIGTERM is a method of its server.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))
