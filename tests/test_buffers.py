"""Memory for many bytes: where it begins, and that it can be filled."""

from __future__ import annotations

import ctypes
import mmap

import pytest

from yipyap_core.buffers import page_aligned


@pytest.mark.parametrize("size_bytes", [1, 4096, 4097, 1 << 20])
def test_it_begins_where_a_page_does_and_can_be_filled(size_bytes: int) -> None:
    """A copy into it never straddles the pages that it comes from."""
    view = page_aligned(size_bytes)
    address = ctypes.addressof(ctypes.c_char.from_buffer(view))
    assert address % mmap.PAGESIZE == 0
    assert bytes(view) == bytes(size_bytes)
    view[:] = b"x" * size_bytes
    assert view.tobytes() == b"x" * size_bytes


def test_its_parts_outlive_the_name_of_the_whole() -> None:
    """The memory is there as long as anything looks at it."""
    piece = page_aligned(1 << 20)[4096:4100]
    piece[:] = b"kept"
    assert piece.tobytes() == b"kept"
