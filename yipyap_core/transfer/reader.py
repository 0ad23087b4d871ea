"""Reads from a socket: heads line by line, bodies straight into the caller's memory.

The standard library's buffered reader takes the interpreter's lock for each piece the kernel
gives; on a fast line, beside a thread that hashes, that costs more than the bytes. Here one
system call fills as much as the caller asks for.
"""

from __future__ import annotations

import socket
import struct
import time

from yipyap_core.transfer.tls import Tls

BUFFER_BYTES = 64 * 1024
"""Holds a head and the whole of most small files, so that one system call gets both."""
LOOK_SECONDS = 0.5
"""How long a call may hold bytes back while it waits for more of them."""
NOTHING_YET = (BlockingIOError, TimeoutError)


class SocketReader:
    """The receiving side of one connection, for one thread; takes the socket's time-out over."""

    def __init__(self, sock: socket.socket, tls: Tls | None = None) -> None:
        """Read from `sock`, through `tls` where it is given; both stay the caller's."""
        self._sock = sock
        self._tls = tls
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        # The kernel's own time-out leaves the socket a blocking one, as MSG_WAITALL needs it.
        sock.settimeout(None)
        patience = struct.pack("ll", int(LOOK_SECONDS), int(LOOK_SECONDS % 1 * 1_000_000))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)

    def readline(self, size: int) -> bytes:
        """Up to and with the next line feed; shorter at the end or where a line is too long."""
        line = b""
        while True:
            stop = self._buffer.find(b"\n", self._start, self._end) + 1
            if stop:
                return line + self._take(stop)
            line += self._take(self._end)
            if len(line) >= size or not self._receive():
                return line

    def _take(self, stop: int) -> bytes:
        piece = bytes(self._view[self._start : stop])
        self._start = stop
        return piece

    def _receive(self) -> int:
        self._start, self._end = 0, self._wait_for(self._view)
        return self._end

    def read_some(self, view: memoryview) -> int:
        """What is there, at least one byte; 0 only at the end."""
        held = self._end - self._start
        if held == 0 and len(view) >= BUFFER_BYTES:
            return self._wait_for(view)
        if held == 0:
            held = self._receive()
        count = min(held, len(view))
        view[:count] = self._view[self._start : self._start + count]
        self._start += count
        return count

    @property
    def is_bare(self) -> bool:
        """Whether the next bytes can be taken from the socket past this reader."""
        return self._tls is None and self._start == self._end

    def read_all(self, view: memoryview) -> int:
        """Fill the view, or as much of it as comes before the line pauses; 0 only at the end."""
        count = self.read_some(view) if self._end > self._start else 0
        until = time.monotonic() + LOOK_SECONDS
        while count < len(view) and (count == 0 or time.monotonic() < until):
            try:
                got = self._read(view[count:])
            except OSError:
                if count:
                    break  # the caller meets the same error again, if it is one
                got = self._wait_for(view)
            count += got
            if got == 0:
                break
        return count

    def _wait_for(self, view: memoryview) -> int:
        """At least one byte; whoever wants to end the wait shuts the socket."""
        while True:
            try:
                return self._tls.read_some(view) if self._tls else self._sock.recv_into(view)
            except NOTHING_YET:
                continue

    def _read(self, view: memoryview) -> int:
        if self._tls is not None:
            return self._tls.read_much(view)
        return self._sock.recv_into(view, 0, socket.MSG_WAITALL)
