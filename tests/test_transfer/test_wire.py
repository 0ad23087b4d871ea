"""HTTP as it is read and written, byte by byte."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipyap_core.transfer.reader import SocketReader
from yipyap_core.transfer.wire import Chunks, Malformed, read_head, request_bytes


def reader(data: bytes, piece: int = 7) -> SocketReader:
    """A reader of a line that gives a few bytes at a time."""
    return SocketReader(Trickle(data, piece))


class Trickle(socket.socket):
    """Gives its data in pieces, as a slow line does."""

    def __init__(self, data: bytes, piece: int) -> None:
        super().__init__()
        self.close()
        self._data, self._piece = data, piece

    def settimeout(self, value: float | None) -> None:
        """There is nothing to wait for."""

    def setsockopt(self, *_: object) -> None:
        """There is nothing to set."""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:  # noqa: ARG002
        piece, self._data = self._data[: self._piece], self._data[self._piece :]
        piece, rest = piece[: len(buffer)], piece[len(buffer) :]
        self._data = rest + self._data
        memoryview(buffer)[: len(piece)] = piece
        return len(piece)


@given(st.binary(max_size=3000), st.integers(1, 400), st.lists(st.integers(1, 900), min_size=1))
def test_every_way_to_read_gives_the_bytes_in_order(
    data: bytes, piece: int, sizes: list[int]
) -> None:
    source, got, number = reader(data, piece), b"", 0
    while len(got) < len(data):
        size = sizes[number % len(sizes)]
        view = memoryview(bytearray(size))
        match number % 3:
            case 0:
                got += source.readline(size)
            case 1:
                got += bytes(view[: source.read_some(view)])
            case _:
                got += bytes(view[: source.read_all(view)])
        number += 1

    assert got == data
    assert source.readline(10) == b""
    assert source.read_some(memoryview(bytearray(10))) == 0
    assert source.read_all(memoryview(bytearray(100_000))) == 0


def test_a_head_is_read_with_its_names_in_lower_case() -> None:
    head = read_head(
        reader(b'HTTP/1.1 206 Partial Content\r\nETag: "x"\r\nContent-Length: 12\r\n\r\n')
    )

    assert (head.status, head.length, head.keep_alive) == (206, 12, True)
    assert head.headers["etag"] == '"x"'


def test_interim_answers_are_passed_over() -> None:
    head = read_head(reader(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"))

    assert (head.status, head.length) == (200, None)


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n", True),
        (b"HTTP/1.1 200\r\n\r\n", True),
    ],
)
def test_whether_a_line_is_kept_is_the_servers_word(text: bytes, keep: bool) -> None:
    assert read_head(reader(text)).keep_alive is keep


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 20",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        assert read_head(reader(text, piece=4096)).length is None


@given(st.binary(max_size=500))
def test_any_bytes_are_a_head_or_refused(data: bytes) -> None:
    try:
        head = read_head(reader(data))
    except Malformed:
        return
    assert 200 <= head.status <= 999


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=8), st.integers(1, 64))
def test_a_chunked_body_is_read_as_it_was_cut(pieces: list[bytes], size: int) -> None:
    sent = b"".join(b"%x;note=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    chunks = Chunks(reader(sent + b"0\r\nTrailer: x\r\n\r\n"))
    view, got = memoryview(bytearray(size)), b""
    while count := chunks.read_into(view):
        got += bytes(view[:count])

    assert got == b"".join(pieces)
    assert chunks.ended
    assert chunks.read_into(view) == 0


@pytest.mark.parametrize(
    "text",
    [b"zz\r\n", b"5\r\nab", b"2\r\nabc\r\n0\r\n\r\n", b"", b"-5\r\nab", b"+2\r\nab\r\n0\r\n\r\n"],
)
def test_a_broken_chunk_is_refused(text: bytes) -> None:
    chunks = Chunks(reader(text))
    with pytest.raises(Malformed):
        while chunks.read_into(memoryview(bytearray(64))):
            pass


def test_a_header_cannot_smuggle_a_second_one() -> None:
    with pytest.raises(Malformed):
        request_bytes("/", [("Authorization", "Bearer x\r\nHost: evil")])
    assert request_bytes("/a", [("Host", "h")]) == b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
