"""The little of HTTP/1.1 that a download needs: a request out, a head in, a body's length.

The standard library's client parses every head as an e-mail; with ten thousand small files that
is most of the time. Nothing here knows of files, redirects or errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

MOST_LINE_BYTES = 65_536
MOST_HEADERS = 200
LENGTH = re.compile(r"[0-9]{1,19}")
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
"""Not whatever `int` understands: that is signs too, and it refuses thousands of digits."""
NO_BODY = frozenset({204, 304})


class Malformed(Exception):
    """What came is not HTTP/1.1."""


class LineReader(Protocol):
    """What a head is read from."""

    def readline(self, size: int, /) -> bytes:
        """Up to and with the next line feed."""


class Reader(LineReader, Protocol):
    """What `SocketReader` offers."""

    def read_some(self, view: memoryview, /) -> int:
        """What is there; 0 only at the end."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers; names in lower case, the last of several of one name counts."""

    status: int
    headers: Mapping[str, str]
    keep_alive: bool

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def length(self) -> int | None:
        """How long the body is; None where only its end tells."""
        if self.status in NO_BODY:
            return 0
        text = self.headers.get("content-length")
        if self.is_chunked or text is None:
            return None
        if not LENGTH.fullmatch(text):
            raise Malformed("a length that is no number")
        return int(text)


def request_bytes(target: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """A GET as it goes over the line; raises `Malformed` for what would be two lines."""
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if any("\r" in line or "\n" in line for line in lines):
        raise Malformed("a line feed inside of a header")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def read_head(reader: LineReader) -> Head:
    """Read a head, passing over those of status 1xx; raises `Malformed` and `OSError`."""
    while True:
        version, status = _status(_line(reader))
        headers = _headers(reader)
        if status >= 200:
            connection = headers.get("connection", "").lower()
            keep = "close" not in connection and (
                version == "HTTP/1.1" or "keep-alive" in connection
            )
            return Head(status, headers, keep)


def _status(line: bytes) -> tuple[str, int]:
    version, _, rest = line.decode("latin-1").partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/1.") or len(code) != 3 or not code.isdecimal():
        raise Malformed("no status line" if line else "the connection ended")
    return version, int(code)


def _headers(reader: LineReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MOST_HEADERS):
        line = _line(reader)
        if not line:
            return headers
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    raise Malformed("too many headers")


def _line(reader: LineReader) -> bytes:
    line = reader.readline(MOST_LINE_BYTES)
    if not line.endswith(b"\n"):
        raise Malformed(
            "the connection ended" if len(line) < MOST_LINE_BYTES else "a line too long"
        )
    return line.rstrip(b"\r\n")


class Chunks:
    """A body in chunks, read one piece at a time."""

    def __init__(self, reader: Reader) -> None:
        """Stand before the first chunk."""
        self._reader = reader
        self._left = 0
        self._first = True
        self.ended = False

    def read_into(self, view: memoryview) -> int:
        """The next bytes; 0 after the last chunk."""
        if self._left == 0 and not self.ended:
            self._begin_chunk()
        if self.ended:
            return 0
        count = self._reader.read_some(view[: self._left])
        if count == 0:
            raise Malformed("the connection ended inside of a chunk")
        self._left -= count
        return count

    def _begin_chunk(self) -> None:
        if not self._first and _line(self._reader):
            raise Malformed("a chunk longer than it said")
        self._first = False
        size = _line(self._reader).partition(b";")[0].strip()
        if not CHUNK_SIZE.fullmatch(size):
            raise Malformed("a chunk's size that is no number")
        self._left = int(size, 16)
        if self._left == 0:
            _headers(self._reader)
            self.ended = True
