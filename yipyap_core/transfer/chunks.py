"""Hands out the missing parts of one file to the connections that fetch them, lowest first.

Lowest first keeps the hash, which has to read in order, close behind; and it keeps the map of
what is there short.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from yipyap_core.transfer.options import MIB

FIRST_CHUNK_BYTES = 8 * MIB
LEAST_CHUNK_BYTES = 4 * MIB
MOST_CHUNK_BYTES = 512 * MIB
CHUNK_SECONDS = 2.0
"""One request should keep a connection busy for about so long."""


@dataclass(slots=True)
class Chunk:
    """Bytes that one connection is to fetch; `start` moves on as they arrive."""

    start: int
    end: int


class ChunkQueue:
    """The gaps of a file, and how many connections are busy with parts of it."""

    def __init__(self, gaps: Iterable[tuple[int, int]]) -> None:
        """Take the gaps in ascending order."""
        self._gaps = [Chunk(start, end) for start, end in gaps]
        self._busy = 0
        self._condition = threading.Condition()

    def take(self, size_bytes: int | None) -> Chunk | None:
        """The next part, of at most `size_bytes`; None when nothing is left to hand out."""
        with self._condition:
            if not self._gaps:
                return None
            self._busy += 1
            gap = self._gaps[0]
            if size_bytes is None or gap.end - gap.start <= size_bytes:
                return self._gaps.pop(0)
            chunk = Chunk(gap.start, gap.start + size_bytes)
            gap.start = chunk.end
            return chunk

    def give_back(self, chunk: Chunk) -> None:
        """The connection is done with the chunk; what is missing of it is handed out again."""
        with self._condition:
            self._busy -= 1
            if chunk.start < chunk.end:
                self._gaps.append(chunk)
                self._gaps.sort(key=lambda gap: gap.start)
            self._condition.notify_all()

    def refill(self, chunk: Chunk, end: int) -> None:
        """Give the one busy connection the whole file; nothing else is left to hand out."""
        with self._condition:
            self._gaps = []
            chunk.start, chunk.end = 0, end

    @property
    def left_bytes(self) -> int:
        """What no connection is busy with."""
        with self._condition:
            return sum(gap.end - gap.start for gap in self._gaps)

    def wait_for_work(self, check: Callable[[], None]) -> None:
        """Wait until there is something to hand out, or nobody works any more."""
        self._wait(lambda: bool(self._gaps) or self._busy == 0, check)

    def wait_until_idle(self, check: Callable[[], None], *, busy: int = 0) -> None:
        """Wait until no more than `busy` connections work, whatever is left to hand out."""
        self._wait(lambda: self._busy <= busy, check)

    def _wait(self, reached: Callable[[], bool], check: Callable[[], None]) -> None:
        with self._condition:
            while not reached():
                self._condition.wait(0.1)
                check()

    @property
    def is_done(self) -> bool:
        """Whether nothing is missing and nobody is busy."""
        with self._condition:
            return not self._gaps and not self._busy


def next_size(bytes_per_second: float | None, left_bytes: int, connections: int) -> int:
    """How much to ask for at once: some seconds' worth, less towards the end of the file."""
    if bytes_per_second is None:
        wanted = FIRST_CHUNK_BYTES
    else:
        wanted = min(MOST_CHUNK_BYTES, int(bytes_per_second * CHUNK_SECONDS))
    fair = left_bytes // (2 * connections) if connections > 1 else left_bytes
    return max(LEAST_CHUNK_BYTES, min(wanted, fair))
