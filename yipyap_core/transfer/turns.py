"""The book of a bandwidth limit: from when on the line is free, and how much was booked so far.

All processes of a host that serve the same store keep one book in a small file, so that their
downloads together hold the limit. It is mapped into memory; a lock on the file, which the kernel
takes back from a process that dies, keeps one entry after the other.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import os
import struct
import threading
from pathlib import Path
from typing import Self

log = logging.getLogger(__name__)

ENTRY = struct.Struct("=dd")


class Turns:
    """A book for the threads of this process; hold it as a context to read or change it."""

    def __init__(self) -> None:
        """Begin with a free line."""
        self.free_at = float("-inf")
        """By the host's monotonic clock, in seconds."""
        self.booked_bytes = 0.0
        """Since the book was begun, less what was given back."""
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Keep others out."""
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        """Let others in."""
        self._lock.release()


class SharedTurns(Turns):
    """A book that several processes keep in one file."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it; raises `OSError` where it cannot be shared."""
        super().__init__()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            if os.fstat(self._descriptor).st_size < ENTRY.size:
                os.pwrite(self._descriptor, ENTRY.pack(float("-inf"), 0.0), 0)
            self._page = mmap.mmap(self._descriptor, ENTRY.size)
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        """Keep other threads and processes out, and read what they left."""
        super().__enter__()
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except BaseException:
            super().__exit__()
            raise
        self.free_at, self.booked_bytes = ENTRY.unpack(self._page)
        return self

    def __exit__(self, *details: object) -> None:
        """Write it down and let others in."""
        self._page[:] = ENTRY.pack(self.free_at, self.booked_bytes)
        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        super().__exit__(*details)


def turns_in(folder: Path) -> Turns:
    """The book that all processes share which use the folder; one's own where that cannot be."""
    try:
        return SharedTurns(folder / "bandwidth.turns")
    except (OSError, ValueError) as error:
        log.warning("the limit of bandwidth holds for this process alone: %s", error)
        return Turns()
