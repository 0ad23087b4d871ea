"""A file on its way: the bytes in `<etag>.part`, the claims on them in `<etag>.part.json`."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from yipyap_core.domain.downloads import RemoteFile
from yipyap_core.transfer.disk import FILE_MODE, remove_large, size_of, wait_for_disk
from yipyap_core.transfer.layout import Layout
from yipyap_core.transfer.locks import try_lock
from yipyap_core.transfer.options import CLAIM_BYTES
from yipyap_core.transfer.pipes import Pipe
from yipyap_core.transfer.record import Record, boot_id, read_record, write_record
from yipyap_core.transfer.spans import Spans


class Extent(NamedTuple):
    """How much of a file is there."""

    total: int
    """All bytes, wherever they lie."""
    prefix_end: int
    """How far it goes from the beginning without a gap."""


def kept_spans(layout: Layout, file: RemoteFile) -> tuple[Spans, str | None]:
    """What of the file an earlier run left, and under which ETag it came; reads, writes nothing."""
    record = read_record(layout.record(file), file.etag, file.size_bytes, boot_id())
    if record is None:
        return Spans(), None
    there = size_of(layout.part_text(file)) or 0
    believed = Spans.of((start, min(end, there)) for start, end in record.written)
    return believed, record.validator


def discard(layout: Layout, file: RemoteFile) -> int:
    """Delete what is left of an unfinished download; returns the bytes it had claimed."""
    kept = kept_spans(layout, file)[0].total
    for path in (layout.part_text(file), layout.record_text(file)):
        remove_large(path)  # beside a disk that is busy writing even a small one takes seconds
    return kept


def discard_unless_fetched(layout: Layout, file: RemoteFile) -> None:
    """`discard`, but not from under another program that is fetching the blob."""
    if size_of(layout.part_text(file)) is None and size_of(layout.record_text(file)) is None:
        return
    layout.locks.mkdir(parents=True, exist_ok=True)
    held = try_lock(layout.lock_text(file))
    if held is None:
        return
    try:
        discard(layout, file)
    finally:
        held.release()


class Partial:
    """The open partial file of one large blob; several connections may write to it at a time.

    The caller holds the blob's lock. System calls raise `OSError`.
    """

    def __init__(self, layout: Layout, file: RemoteFile) -> None:
        """Open or make the file and take over what an earlier run left of it."""
        self._size = file.size_bytes
        self._etag = file.etag
        self._path = layout.part(file)
        self._record_path = layout.record(file)
        self._lock = threading.Lock()
        self._spans, self.validator = kept_spans(layout, file)
        self._synced = Spans()
        self._unclaimed = 0
        self._resets = 0
        self._closed = False
        self._committed = False
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self.descriptor = os.open(self._path, flags, FILE_MODE)
        try:
            self._record = os.open(self._record_path, flags, FILE_MODE)
        except BaseException:
            os.close(self.descriptor)
            raise
        if not self._spans.total:
            self.reset()

    @property
    def path(self) -> Path:
        """Where the bytes lie."""
        return self._path

    @property
    def extent(self) -> Extent:
        """How much is there now."""
        with self._lock:
            return self._extent()

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """What is missing, in ascending order."""
        with self._lock:
            return self._spans.missing(self._size)

    def reset(self) -> int:
        """Forget all bytes; returns how many there were."""
        with self._lock:
            lost = self._spans.total
            self._spans, self._synced = Spans(), Spans()
            self.validator = None
            self._resets += 1
            self._claim()
            _empty(self.descriptor)
        return lost

    def write(self, offset: int, view: memoryview) -> Extent:
        """Put bytes where they belong; the record claims them once enough have gathered."""
        start = offset
        while view:
            count = os.pwrite(self.descriptor, view, offset)
            offset += count
            view = view[count:]
        return self.note(start, offset)

    def pour(self, offset: int, pipe: Pipe, count: int) -> Extent:
        """Put where they belong the bytes that were just taken into the pipe."""
        pipe.pour(self.descriptor, offset, count)
        return self.note(offset, offset + count)

    def note(self, start: int, end: int) -> Extent:
        """Take these bytes for written."""
        with self._lock:
            self._spans.add(start, end)
            self._unclaimed += end - start
            if self._unclaimed >= CLAIM_BYTES:
                self._claim()
            return self._extent()

    def _extent(self) -> Extent:
        return Extent(self._spans.total, self._spans.prefix_end)

    def _claim(self) -> None:
        record = Record(self._etag, self._size, self._spans, self._synced, self.validator)
        write_record(self._record, record, boot_id())
        self._unclaimed = 0

    def sync(self) -> None:
        """Make the bytes durable, then claim them as such."""
        with self._lock:
            if self._closed:
                return
            spans, resets = self._spans.copy(), self._resets
            descriptor = os.dup(self.descriptor)  # so that a close need not wait for the disk
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        with self._lock:
            if not self._closed and resets == self._resets:
                self._synced = spans
                self._claim()

    def close(self) -> None:
        """Claim what is there and give the files back; of nothing, nothing stays."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            with contextlib.suppress(OSError):  # a full disk: what was claimed before holds
                self._claim()
                if not self._committed and not self._spans.total:
                    self._path.unlink(missing_ok=True)
                    self._record_path.unlink(missing_ok=True)
            os.close(self._record)
            os.close(self.descriptor)

    def commit(self, blob: Path, check: Callable[[], None]) -> None:
        """Make the whole file the blob, durably and in one step; the record goes with it.

        `check` raises not to wait for the disk: then all stays as it was.
        """
        descriptor = os.dup(self.descriptor)  # a close need not wait for the disk either

        def sync() -> None:
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

        wait_for_disk(sync, check)
        self._path.replace(blob)
        self._committed = True
        self._record_path.unlink(missing_ok=True)


def _empty(descriptor: int) -> None:
    """Cut a file to nothing, if it is not: ext4 writes a file that was cut out when it is closed,
    and whoever pauses would wait for gigabytes to be on their way to the disk."""
    if os.fstat(descriptor).st_size:
        os.ftruncate(descriptor, 0)
