"""How the chunk store keeps a file: cut into chunks, and those packed into xorbs.

A xorb is read by byte ranges. In it each chunk follows a header of eight bytes: the version (0),
the stored length in three bytes, the compression (0 for none), the true length in three bytes;
lengths are little-endian. Chunks here are of one size, where a real store cuts by content, and
xorbs are small, where real ones hold up to 64 MB: so also a small file has several.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.standins.hub.contents import Content
from tests.standins.hub.repos import Entry

CHUNK_BYTES = 64 * 1024
XORB_CHUNKS = 16
XORB_FILE_BYTES = CHUNK_BYTES * XORB_CHUNKS
HEADER_BYTES = 8
FRAME_BYTES = HEADER_BYTES + CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class Xorb:
    """One xorb of a file: bytes `start` to `start + count` of it, by its number in the file."""

    entry: Entry
    number: int

    @property
    def hash(self) -> str:
        """Its name, which the client believes as it believes the one of the file."""
        return hashlib.sha256(f"xorb {self.number} of {self.entry.xet_hash}".encode()).hexdigest()

    @property
    def start(self) -> int:
        """Where in the file its first chunk begins."""
        return self.number * XORB_FILE_BYTES

    @property
    def count(self) -> int:
        """How many bytes of the file it holds."""
        return min(XORB_FILE_BYTES, self.entry.size_bytes - self.start)

    @property
    def chunks(self) -> int:
        """How many chunks it holds."""
        return -(-self.count // CHUNK_BYTES)

    @property
    def content(self) -> XorbContent:
        """Its bytes as they are stored and sent."""
        return XorbContent(self)


class XorbContent(Content):
    """The stored form of a xorb, made from the file whenever it is read."""

    def __init__(self, xorb: Xorb) -> None:
        """Know the size; nothing is read yet."""
        super().__init__(xorb.count + xorb.chunks * HEADER_BYTES)
        self._xorb = xorb

    def read(self, offset: int, count: int) -> bytes:
        """Headers and chunks, as far as they go."""
        first = offset // FRAME_BYTES
        last = min(offset + count - 1, self.size_bytes - 1) // FRAME_BYTES
        data = b"".join(self._frame(number) for number in range(first, last + 1))
        begin = offset - first * FRAME_BYTES
        return data[begin : begin + count]

    def _frame(self, number: int) -> bytes:
        begin = number * CHUNK_BYTES
        count = min(CHUNK_BYTES, self._xorb.count - begin)
        length = count.to_bytes(3, "little")
        chunk = self._xorb.entry.content.read(self._xorb.start + begin, count)
        return b"\0" + length + b"\0" + length + chunk


def xorbs_of(entry: Entry, first: int, last: int) -> Iterator[Xorb]:
    """The xorbs that hold the bytes `first` to `last` of a file."""
    for number in range(first // XORB_FILE_BYTES, last // XORB_FILE_BYTES + 1):
        yield Xorb(entry, number)
