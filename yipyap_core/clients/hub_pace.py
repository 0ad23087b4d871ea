"""Gives an answer up of which next to nothing arrives: a time-out begins anew with every byte.

Imported with the hub client only, since its base class comes with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2

from yipyap_core.errors import HubUnreachable

LEAST_BYTES_PER_SECOND = 256.0


class Paced(httpx2.SyncByteStream):
    """The body of an answer, as long as enough of it comes in each window of time."""

    def __init__(self, stream: httpx2.SyncByteStream, window_seconds: float) -> None:
        """Pass on what `stream` gives."""
        self._stream = stream
        self._window_seconds = window_seconds

    def __iter__(self) -> Iterator[bytes]:
        """The pieces as they arrive; raises `HubUnreachable`."""
        began, arrived = time.monotonic(), 0
        for piece in self._stream:
            yield piece
            arrived += len(piece)
            waited = time.monotonic() - began
            if waited >= self._window_seconds:
                if arrived < LEAST_BYTES_PER_SECOND * waited:
                    raise HubUnreachable("The hub sends next to nothing of its answer.")
                began, arrived = time.monotonic(), 0

    def close(self) -> None:
        """End the connection's part in it."""
        self._stream.close()


def read_in_time(answer: httpx2.Response, window_seconds: float) -> httpx2.Response:
    """Read the body of an answer that was asked for as a stream."""
    assert isinstance(answer.stream, httpx2.SyncByteStream)
    answer.stream = Paced(answer.stream, window_seconds)
    try:
        answer.read()
    except BaseException:
        answer.close()
        raise
    return answer
