"""Bytes from a plain socket into a file without a way through this process's memory.

The kernel hands the pages over by a pipe: half the copies, and no interpreter in between. Where a
system, socket or volume knows no such call, the pipe says so once and is left alone.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket

PIPE_BYTES = 1 << 20
F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", None)
UNKNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


class Pipe:
    """One thread's pipe; made at its first use."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self.is_usable = hasattr(os, "splice")
        self._ends: tuple[int, int] | None = None

    def fill(self, sock: socket.socket, most: int) -> int | None:
        """Take what is there from the socket, at least one byte; 0 only at its end.

        None, with nothing taken, where that cannot be done. Raises `OSError`.
        """
        try:
            return os.splice(sock.fileno(), self._writing, min(most, PIPE_BYTES))
        except OSError as error:
            if error.errno not in UNKNOWN:
                raise
            self.is_usable = False
            return None

    def pour(self, descriptor: int, offset: int, count: int) -> None:
        """Put as many bytes as were just taken into the file; raises `OSError`."""
        end = offset + count
        try:
            while offset < end:
                offset += os.splice(self._reading, descriptor, end - offset, offset_dst=offset)
        except OSError as error:
            if error.errno not in UNKNOWN:
                self.close()  # what is left in it belongs to nothing any more
                raise
            self.is_usable = False
            self._pour_by_hand(descriptor, offset, end)

    def close(self) -> None:
        """Give both ends back."""
        ends, self._ends = self._ends, None
        for end in ends or ():
            os.close(end)

    def _pour_by_hand(self, descriptor: int, offset: int, end: int) -> None:
        while offset < end:
            piece = memoryview(os.read(self._reading, end - offset))
            while piece:
                count = os.pwrite(descriptor, piece, offset)
                offset += count
                piece = piece[count:]

    @property
    def _reading(self) -> int:
        return self._both()[0]

    @property
    def _writing(self) -> int:
        return self._both()[1]

    def _both(self) -> tuple[int, int]:
        if self._ends is None:
            self._ends = os.pipe2(os.O_CLOEXEC)
            if F_SETPIPE_SZ is not None:
                with contextlib.suppress(OSError):  # the user has used up what all pipes may take
                    fcntl.fcntl(self._ends[1], F_SETPIPE_SZ, PIPE_BYTES)
        return self._ends
