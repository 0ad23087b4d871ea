"""Frames: what goes in comes out, and garbage is refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipyap_core.engines.wire import HEAD, MARK, Wire, WireError


@pytest.fixture
def ends() -> Iterator[tuple[Wire, Wire, socket.socket]]:
    left, right = socket.socketpair()
    here, there = Wire(left), Wire(right)
    yield here, there, left
    here.close()
    there.close()


headers = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda name: name != "blobs"),
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    max_size=5,
)


@given(headers, st.lists(st.binary(max_size=2000), max_size=4))
def test_frames_come_out_as_they_went_in(
    ends: tuple[Wire, Wire, socket.socket], header: dict[str, Any], blobs: list[bytes]
) -> None:
    here, there, _ = ends
    here.send(header, blobs)
    frame = there.receive()
    assert frame is not None
    assert (frame.header, list(frame.blobs)) == (header, blobs)


def test_a_closed_end_is_no_error(ends: tuple[Wire, Wire, socket.socket]) -> None:
    here, there, _ = ends
    here.close()
    assert there.receive() is None


def test_half_a_frame_is_none(ends: tuple[Wire, Wire, socket.socket]) -> None:
    here, there, raw = ends
    raw.sendall(HEAD.pack(MARK, 100, 0) + b"{")
    here.close()
    assert there.receive() is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        HEAD.pack(MARK, 0xFFFFFFFF, 0),
        HEAD.pack(MARK, 2, 0) + b"[]",
        HEAD.pack(MARK, 2, 0) + b"{}",
        HEAD.pack(MARK, 13, 1) + b'{"blobs":[2]}' + b"x",
        HEAD.pack(MARK, 17, 0) + b'{"blobs":[-1, 1]}',
    ],
)
def test_garbage_is_refused(ends: tuple[Wire, Wire, socket.socket], data: bytes) -> None:
    _, there, raw = ends
    raw.sendall(data)
    with pytest.raises(WireError):
        there.receive()
