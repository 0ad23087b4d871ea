"""Frames between the dashboard and a worker: a small JSON header and raw bytes behind it.

Twelve bytes lead each frame: a mark, the header's length, the length of everything behind it. JSON
and not pickle, so that neither side can make the other run code.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

HEAD = struct.Struct(">4sII")
MARK = b"yye1"
MAX_HEADER_BYTES = 32 << 20
MAX_BODY_BYTES = 1 << 30


class WireError(Exception):
    """The other side sent something that is no frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    header: dict[str, Any]
    blobs: tuple[bytes, ...] = ()

    @property
    def kind(self) -> str:
        """What the message is, such as `run` or `result`."""
        return str(self.header.get("kind", ""))


class Wire:
    """One end of a connected stream socket; sending is safe from several threads."""

    def __init__(self, connection: socket.socket) -> None:
        """Own the socket from now on."""
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, header: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
        """Send one frame; raises `OSError` when the other side is gone."""
        text = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode()
        head = HEAD.pack(MARK, len(text), sum(len(blob) for blob in blobs))
        with self._sending:
            self._connection.sendall(head + text)
            for blob in blobs:
                self._connection.sendall(blob)

    def receive(self) -> Frame | None:
        """Wait for the next frame; None when the other side closed. Raises `WireError`."""
        head = self._read(HEAD.size)
        if head is None:
            return None
        mark, header_bytes, body_bytes = HEAD.unpack(head)
        if mark != MARK or header_bytes > MAX_HEADER_BYTES or body_bytes > MAX_BODY_BYTES:
            raise WireError("not a frame")
        text, body = self._read(header_bytes), self._read(body_bytes)
        if text is None or body is None:
            return None
        return _frame(bytes(text), body)

    def close(self) -> None:
        """Wake whoever receives on either side."""
        with suppress(OSError):  # the other side closed first
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _read(self, size_bytes: int) -> bytearray | None:
        """Read exactly so much; None when the stream ends before."""
        buffer = bytearray(size_bytes)
        view, done = memoryview(buffer), 0
        while done < size_bytes:
            try:
                count = self._connection.recv_into(view[done:])
            except OSError:
                return None
            if not count:
                return None
            done += count
        return buffer


def _frame(text: bytes, body: bytearray) -> Frame:
    try:
        header = json.loads(text)
        sizes = [int(size) for size in header.pop("blobs")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WireError(str(error)) from error
    if sum(sizes) != len(body) or min(sizes, default=0) < 0:
        raise WireError("the lengths do not add up")
    blobs, start = [], 0
    for size in sizes:
        blobs.append(bytes(body[start : start + size]))
        start += size
    return Frame(header, tuple(blobs))
