"""Memory that the kernel copies into at full speed, for whoever reads many bytes."""

from __future__ import annotations

import mmap


def page_aligned(size_bytes: int) -> memoryview:
    """Writable memory of zeros, of at least one byte, that begins where a page does.

    The kernel reads a file page by page. AMD's processors copy a page to three times as slowly
    where it begins up to sixteen bytes after the beginning of a page of the reader's; a large
    `bytearray` begins exactly so.
    """
    return memoryview(mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
