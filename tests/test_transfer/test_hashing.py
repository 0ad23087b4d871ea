"""The hash that follows a growing file: from memory where it can, from the disk where it must."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from yipyap_core.domain.downloads import RemoteFile
from yipyap_core.transfer.hashing import (
    BEHIND_BYTES,
    HAND_OVER_BYTES,
    READ_BYTES,
    FollowingHash,
)

Sizes = st.lists(st.integers(1, READ_BYTES), min_size=1, max_size=8)


@given(sizes=Sizes, ahead=st.sets(st.integers(0, 7)), seed=st.integers(0, 99))
def test_every_order_of_arrival_gives_the_publisher_s_hash(
    sizes: list[int], ahead: set[int], seed: int
) -> None:
    """Pieces in `ahead` were there before, as after a restart or from other connections."""
    data = random.Random(seed).randbytes(sum(sizes))
    file = RemoteFile("a", len(data), "x", hashlib.sha256(data).hexdigest())
    descriptor = os.memfd_create("partial")
    try:
        os.pwrite(descriptor, data, 0)
        follower = FollowingHash(descriptor, file)
        buffer = memoryview(bytearray(READ_BYTES))
        start = 0
        for number, size in enumerate(sizes):
            buffer[:size] = data[start : start + size]
            if number not in ahead:
                buffer = follower.hand_over(start, buffer, size)
            start += size
            follower.advance(start)
        assert follower.finish(lambda: None) == file.sha256
        follower.close()
    finally:
        os.close(descriptor)


def test_a_piece_that_is_next_is_hashed_where_it_lies(tmp_path: Path) -> None:
    """The file is empty: what the hash says can only come from memory."""
    data = random.Random(1).randbytes(3 * HAND_OVER_BYTES)
    file = RemoteFile("a", len(data), "x", hashlib.sha256(data).hexdigest())
    with (tmp_path / "part").open("w+b") as part:
        follower = FollowingHash(part.fileno(), file)
        buffer = given_buffer = memoryview(bytearray(READ_BYTES))
        buffer[: len(data)] = data
        while buffer is given_buffer:  # until the thread waits
            buffer = follower.hand_over(0, given_buffer, len(data))
        assert follower.finish(lambda: None) == file.sha256
        follower.close()


def test_small_pieces_and_those_out_of_order_stay_with_the_caller(tmp_path: Path) -> None:
    file = RemoteFile("a", 2 * READ_BYTES, "x", "0" * 64)
    with (tmp_path / "part").open("w+b") as part:
        follower = FollowingHash(part.fileno(), file)
        buffer = memoryview(bytearray(READ_BYTES))
        assert follower.hand_over(0, buffer, HAND_OVER_BYTES - 1) is buffer
        assert follower.hand_over(READ_BYTES, buffer, READ_BYTES) is buffer
        follower.close()
        assert follower.hand_over(0, buffer, READ_BYTES) is buffer


def test_a_hash_that_lags_says_so(tmp_path: Path) -> None:
    file = RemoteFile("a", 2 * BEHIND_BYTES, "x", "0" * 64)
    with (tmp_path / "part").open("w+b") as part:
        follower = FollowingHash(part.fileno(), file)
        follower.close()  # its thread does nothing more
        follower.advance(BEHIND_BYTES - 1)
        assert not follower.is_behind
        follower.advance(BEHIND_BYTES + READ_BYTES)
        assert follower.is_behind
