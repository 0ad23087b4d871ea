"""One accepted connection: reads requests, sends bytes, and ends in every way a line can end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import struct
import termios
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from urllib.parse import parse_qs, unquote

MAX_HEAD_BYTES = 65536
SENDFILE_PIECE_BYTES = 4 * 1024 * 1024
POLL_SECONDS = 0.02


class ConnectionEnded(Exception):
    """The peer went away, or the server is closing: the handler has nothing left to do."""


class WaitEnd(Enum):
    """Why a wait on a connection ended."""

    ELAPSED = "elapsed"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in; header names are in lower case, `raw_path` is still quoted.

    `authority` is the host and port asked for; `proxied` says that the request line named them,
    as it does when the server is used as a proxy.
    """

    method: str
    authority: str
    proxied: bool
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    received: float

    @property
    def path(self) -> str:
        """The path with its percent signs undone, for people and for patterns."""
        return unquote(self.raw_path)

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's values by name, blanks kept."""
        return parse_qs(self.raw_query, keep_blank_values=True)

    @property
    def segments(self) -> list[str]:
        """The path's parts, each undone after the split, so that a quoted slash stays inside."""
        return [unquote(part) for part in self.raw_path.split("/")[1:]]


class Connection:
    """One accepted socket: reads requests, sends bytes, and ends in every way a line can end."""

    def __init__(self, sock: socket.socket, number: int, closing: threading.Event) -> None:
        """Take over `sock`; `number` counts the server's connections from 1."""
        self.number = number
        self.answered = 0
        self._sock = sock
        self._closing = closing
        self._buffer = b""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read_request(self) -> Request | None:
        """Wait for the next request; None when the peer has no more of them."""
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEAD_BYTES or not self._receive():
                return None
        received = time.monotonic()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(_header(line) for line in lines[1:])
        body = self._read_body(int(headers.get("content-length", "0")), headers)
        method, _, rest = lines[0].partition(" ")
        authority, target = _target(rest.rpartition(" ")[0])
        raw_path, _, raw_query = target.partition("?")
        host = authority or headers.get("host", "")
        return Request(method, host, bool(authority), raw_path, raw_query, headers, body, received)

    def _read_body(self, size_bytes: int, headers: Mapping[str, str]) -> bytes:
        if size_bytes and headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = bytearray(self._buffer[:size_bytes])
        self._buffer = self._buffer[size_bytes:]
        while len(body) < size_bytes:
            if not self._receive():
                raise ConnectionEnded
            missing = size_bytes - len(body)
            body += self._buffer[:missing]
            self._buffer = self._buffer[missing:]
        return bytes(body)

    def _receive(self) -> bool:
        try:
            data = self._sock.recv(65536)
        except OSError:
            return False
        self._buffer += data
        return bool(data)

    def send(self, data: bytes | memoryview, *, more: bool = False) -> None:
        """Send all of `data`; `more` lets the kernel join it with what follows."""
        try:
            self._sock.sendall(data, socket.MSG_MORE if more else 0)
        except OSError as error:
            raise ConnectionEnded from error

    def send_file(self, descriptor: int, offset: int, count: int) -> int:
        """Send up to `count` bytes of a file without copying them; returns how many went."""
        piece_bytes = min(count, SENDFILE_PIECE_BYTES)
        try:
            sent = os.sendfile(self._sock.fileno(), descriptor, offset, piece_bytes)
        except OSError as error:
            raise ConnectionEnded from error
        if sent == 0:
            raise ConnectionEnded
        return sent

    def wait(self, seconds: float | None, release: threading.Event | None = None) -> WaitEnd:
        """Hold the line: until `seconds` passed or `release` is set.

        Raises:
            ConnectionEnded: the peer hung up or the server closes.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            if release is not None and release.is_set():
                return WaitEnd.RELEASED
            if self._closing.is_set() or self._peer_is_gone():
                raise ConnectionEnded
            left = POLL_SECONDS if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return WaitEnd.ELAPSED
            (release or self._closing).wait(min(left, POLL_SECONDS))

    def pause(self, seconds: float) -> None:
        """Wait exactly, for pacing; ends early only when the server closes."""
        if seconds > 0 and self._closing.wait(seconds):
            raise ConnectionEnded

    def _peer_is_gone(self) -> bool:
        poller = select.poll()
        poller.register(self._sock, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        return bool(poller.poll(0))

    def flush(self, timeout_seconds: float = 5.0) -> None:
        """Wait until the peer's kernel has everything that was sent."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline and not self._closing.is_set():
            unsent = fcntl.ioctl(self._sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
            if struct.unpack("i", unsent)[0] == 0:
                return
            self._closing.wait(0.002)

    def reset(self) -> None:
        """End the line with a TCP reset, after what was sent has arrived."""
        with contextlib.suppress(OSError):
            self.flush()
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionEnded

    def interrupt(self) -> None:
        """Wake whoever blocks on this socket, from any thread."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the socket back."""
        self._sock.close()


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The status line and header block of an answer."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [
        f"HTTP/1.1 {status} {phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _target(written: str) -> tuple[str, str]:
    """The authority of a request line, where it names one, and the path with its query."""
    if not written.startswith("http://"):
        return "", written
    authority, slash, target = written.removeprefix("http://").partition("/")
    return authority, slash + target


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()
