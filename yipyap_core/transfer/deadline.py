"""One time for many reads: the socket's own time-out begins anew with every byte."""

from __future__ import annotations

import socket
import time


class Deadline:
    """So many seconds from now."""

    def __init__(self, seconds: float) -> None:
        """Begin at once."""
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, more than none; raises `TimeoutError`."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time is over")
        return seconds


class LinesInTime:
    """Reads a short head before a deadline, and no byte beyond it."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        """The socket stays the caller's; its time-out is changed."""
        self._sock = sock
        self._deadline = deadline

    def readline(self, size: int) -> bytes:
        """Up to and with the next line feed; shorter at the end. Raises `OSError`."""
        line = b""
        while len(line) < size and not line.endswith(b"\n"):
            self._sock.settimeout(self._deadline.left())
            byte = self._sock.recv(1)
            if not byte:
                break
            line += byte
        return line
