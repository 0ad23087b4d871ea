"""The publisher's hash of a file, made of its bytes in order while they arrive.

What was just received is hashed where it lies in memory if it is next in order and the hash waits
for it. Everything else is read back from the page cache, behind the connections that write it: so
one hash serves any number of connections, a resumed prefix is covered, and hashing runs beside
receiving, since both let go of the interpreter.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable

from yipyap_core.buffers import page_aligned
from yipyap_core.domain.downloads import HashAlgorithm, RemoteFile

READ_BYTES = 1 << 20
HAND_OVER_BYTES = READ_BYTES // 4
"""Less than this is not worth waking the hash for; it is read back with what follows."""
BEHIND_BYTES = 64 << 20
"""A hash so far behind is what a file waits for, not the network."""


def new_digest(file: RemoteFile) -> hashlib._Hash:
    """An empty hash of the kind that the file's etag is."""
    if file.algorithm is HashAlgorithm.SHA256:
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)


def hash_of(data: memoryview, file: RemoteFile) -> str:
    """The hash of a file whose bytes are all in memory."""
    digest = new_digest(file)
    digest.update(data)
    return digest.hexdigest()


def hash_now(descriptor: int, file: RemoteFile, check: Callable[[], None]) -> str:
    """Read the whole file and give its hash; `check` raises to give up."""
    digest = new_digest(file)
    view = page_aligned(max(1, min(READ_BYTES, file.size_bytes)))
    offset = 0
    while offset < file.size_bytes:
        check()
        count = os.preadv(descriptor, [view[: file.size_bytes - offset]], offset)
        if count == 0:
            break
        digest.update(view[:count])
        offset += count
    return digest.hexdigest()


def hash_file(path: str, file: RemoteFile, check: Callable[[], None]) -> str:
    """`hash_now` of a file that is not open; raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return hash_now(descriptor, file, check)
    finally:
        os.close(descriptor)


class FollowingHash:
    """Hashes a file while it grows: `advance` says up to where it may read."""

    def __init__(self, descriptor: int, file: RemoteFile) -> None:
        """Begin at the first byte, in a thread of its own."""
        self._descriptor = descriptor
        self._file = file
        self._condition = threading.Condition()
        self._frontier = 0
        self._hashed = 0
        self._buffer = page_aligned(READ_BYTES)
        self._piece: memoryview | None = None
        self._idle = False
        self._ended = False
        self._failure: OSError | None = None
        self._digest = new_digest(file)
        self._thread = threading.Thread(target=self._run, name="transfer-hash", daemon=True)
        self._thread.start()

    def advance(self, frontier: int) -> None:
        """All bytes before `frontier` are written."""
        with self._condition:
            if frontier - self._frontier >= READ_BYTES or frontier == self._file.size_bytes:
                self._frontier = frontier
                self._condition.notify_all()

    @property
    def is_behind(self) -> bool:
        """Whether the bytes come faster than they can be hashed."""
        return self._frontier - self._hashed >= BEHIND_BYTES

    @property
    def hashed_bytes(self) -> int:
        """How far the hash is."""
        return self._hashed

    def hand_over(self, start: int, buffer: memoryview, count: int) -> memoryview:
        """Offer the written bytes from `start`, the first `count` of `buffer`, to be hashed there.

        Returns the buffer to go on with, of `READ_BYTES` like the given one: another one if the
        offer was taken, the same where the bytes have to be read back.
        """
        with self._condition:
            is_next = self._idle and not self._ended and start == self._hashed
            if not is_next or count < HAND_OVER_BYTES:
                return buffer
            self._idle = False
            self._piece, spare, self._buffer = buffer[:count], self._buffer, buffer
            self._frontier = max(self._frontier, start + count)
            self._condition.notify_all()
            return spare

    def finish(self, check: Callable[[], None]) -> str:
        """Wait until the whole file is hashed; raises `OSError`.

        `check` is called now and then and raises to give up.
        """
        with self._condition:
            while self._hashed < self._file.size_bytes and self._failure is None:
                self._condition.wait(0.1)
                check()
        if self._failure is not None:
            raise self._failure
        return self._digest.hexdigest()

    def close(self) -> None:
        """End the thread; the descriptor may be closed afterwards."""
        with self._condition:
            self._ended = True
            self._condition.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._wait_for_bytes():
                self._hash_piece()
                self._hash_to(self._frontier)
        except OSError as error:
            self._failure = error
        with self._condition:
            self._condition.notify_all()

    def _wait_for_bytes(self) -> bool:
        with self._condition:
            self._idle = True
            self._condition.notify_all()
            while not self._ended and self._frontier <= self._hashed:
                self._condition.wait()
            self._idle = False
            return not self._ended

    def _hash_piece(self) -> None:
        piece, self._piece = self._piece, None
        if piece is not None:
            self._digest.update(piece)
            self._hashed += len(piece)

    def _hash_to(self, frontier: int) -> None:
        while self._hashed < frontier and not self._ended:
            piece = self._buffer[: frontier - self._hashed]
            count = os.preadv(self._descriptor, [piece], self._hashed)
            if count == 0:
                raise OSError(5, "the partial file is shorter than what was written to it")
            self._digest.update(piece[:count])
            self._hashed += count
