"""Brings the missing bytes of a large file into its partial file, over one or more connections.

The chief is the thread that owns the file. It fetches like every other connection, decides on
failures, and calls helpers when more connections gain something. A helper that fails hands its
chunk back and ends: if the cause lasts, the chief meets it too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from yipyap_core.domain.downloads import RemoteFile
from yipyap_core.transfer.chunks import Chunk, ChunkQueue, next_size
from yipyap_core.transfer.connection import LineBroken
from yipyap_core.transfer.context import Context, Lane
from yipyap_core.transfer.disk import translated
from yipyap_core.transfer.growth import Growth
from yipyap_core.transfer.hashing import FollowingHash
from yipyap_core.transfer.options import IN_FLIGHT_BYTES
from yipyap_core.transfer.partial import Extent, Partial
from yipyap_core.transfer.recovery import FAILURES, Recovery
from yipyap_core.transfer.requests import Body, OtherBytes, Wanted
from yipyap_core.transfer.stopping import Stopped, Stopper


class WideFetch:
    """One file's way over the network; `run` returns its hash when every byte is there."""

    def __init__(
        self, context: Context, file: RemoteFile, partial: Partial, *, alone: bool = False
    ) -> None:
        """Begin with what the partial file has; `alone` asks for no range and no helper."""
        self._context = context
        self._file = file
        self._partial = partial
        self._queue = ChunkQueue(partial.gaps)
        self._recovery = Recovery(context.options, context.control, file)
        self._growth = Growth()
        self._alone = alone
        self._rate: float | None = None
        self._lock = threading.Lock()
        self._connections = 1
        self._hash = self._new_hash()

    def run(self, lane: Lane) -> str:
        """Fetch until the file is whole; raises a `TransferError` or the job's own exception."""
        try:
            with self._context.stopper.branch() as helpers_stopper:
                self._helpers_stopper = helpers_stopper
                with self._context.phases.transferring():
                    self._fetch_all(lane)
            return self._finish()
        finally:
            self._queue.wait_until_idle(_patiently)
            self._hash.close()

    def _fetch_all(self, lane: Lane) -> None:
        while not self._queue.is_done:
            chunk = self._queue.take(self._chunk_size())
            if chunk is None:
                self._queue.wait_for_work(lane.stopper.check)
                continue
            failure: Exception | None = None
            try:
                self._receive(lane, chunk, chief=True)
            except (*FAILURES, OtherBytes) as error:
                failure = error
            finally:
                self._queue.give_back(chunk)
            if isinstance(failure, OtherBytes):
                self._start_again(failure)
            elif isinstance(failure, FAILURES):
                self._recovery.pause(failure, lane.stopper)

    def _finish(self) -> str:
        def look() -> None:
            self._context.stopper.check()
            left_bytes = self._file.size_bytes - self._hash.hashed_bytes
            self._context.control.hashing(self._file.path, left_bytes)

        with self._context.phases.verifying():
            return self._hash.finish(look)

    # one chunk

    def _receive(self, lane: Lane, chunk: Chunk, *, chief: bool) -> None:
        began, first = time.monotonic(), chunk.start
        wanted = Wanted(self._file, chunk.start, chunk.end, self._partial.validator)
        body = lane.requests.open(wanted)
        try:
            if not body.partial and (chunk.start > 0 or chunk.end < self._file.size_bytes):
                self._take_whole(chunk, body, chief)
            elif self._partial.validator is None:
                self._partial.validator = body.validator
            self._stream(lane, body, chunk, chief)
        except BaseException:
            lane.lines.drop(body.line)
            raise
        lane.lines.keep(body.line)
        self._rate = (chunk.end - first) / max(1e-6, time.monotonic() - began)

    def _stream(self, lane: Lane, body: Body, chunk: Chunk, chief: bool) -> None:
        limit, check, wait = self._context.limit, lane.stopper.check, lane.stopper.wait
        while chunk.start < chunk.end:
            check()
            most = min(len(lane.buffer), IN_FLIGHT_BYTES // max(1, self._connections))
            size = limit.take(min(most, chunk.end - chunk.start), wait)
            count = self._take(lane, body, chunk.start, size)
            if count == 0:
                raise LineBroken(f"{body.line.origin} ended before the file did")
            chunk.start += count
            limit.give_back(size - count)
            if chief:
                self._grow()

    def _take(self, lane: Lane, body: Body, offset: int, most: int) -> int:
        """The next bytes from the line into the file, by the cheaper of two ways."""
        line, pipe = body.line, lane.pipe
        if pipe.is_usable and line.is_rich:
            moved = line.splice_into(pipe, most)
            if moved:
                there = self._put(moved, lambda: self._partial.pour(offset, pipe, moved))
                self._hash.advance(there.prefix_end)
            if moved is not None:
                return moved
        view = lane.buffer[:most]
        count = line.read_into(view)
        if count:
            there = self._put(count, lambda: self._partial.write(offset, view[:count]))
            lane.buffer = self._hash.hand_over(offset, lane.buffer, count)
            self._hash.advance(there.prefix_end)
        return count

    def _put(self, count: int, write: Callable[[], Extent]) -> Extent:
        try:
            extent = write()
        except OSError as error:
            left = self._file.size_bytes - self._partial.extent.total
            raise translated(error, self._partial.path.parent, self._file.path, left) from error
        self._context.control.add_bytes(count)
        self._recovery.budget.progress(extent.total)
        return extent

    def _take_whole(self, chunk: Chunk, body: Body, chief: bool) -> None:
        """The server sends the file from its beginning though a part was asked for."""
        if not chief:
            raise Stopped
        self._alone = True
        self._helpers_stopper.stop()
        self._queue.wait_until_idle(self._context.stopper.check, busy=1)
        asked_for = self._partial.validator
        changed = asked_for is not None and body.validator not in {None, asked_for}
        self._forget(
            "it changed on the server" if changed else "the server sends it only as a whole"
        )
        self._queue.refill(chunk, self._file.size_bytes)
        self._partial.validator = body.validator

    # starting again

    def _start_again(self, error: OtherBytes) -> None:
        reason = self._recovery.restart(error)
        self._alone = True
        self._helpers_stopper.stop()
        self._queue.wait_until_idle(self._context.stopper.check)
        self._forget(reason)
        self._queue = ChunkQueue([(0, self._file.size_bytes)])

    def _forget(self, reason: str) -> None:
        if lost := self._partial.reset():
            self._context.control.restart_file(self._file.path, lost, reason)
        self._hash.close()
        self._hash = self._new_hash()

    def _new_hash(self) -> FollowingHash:
        follower = FollowingHash(self._partial.descriptor, self._file)
        follower.advance(self._partial.extent.prefix_end)
        return follower

    # further connections

    def _chunk_size(self) -> int | None:
        if self._alone:
            return None
        return next_size(self._rate, self._queue.left_bytes, self._connections)

    def _grow(self) -> None:
        if self._alone or self._context.limit.is_reached:
            return
        if self._hash.is_behind:  # further connections would only take the processor from it
            return
        most = self._context.options.max_connections
        if not self._growth.look(time.monotonic(), self._partial.extent.total, most=most):
            return
        wanted = self._growth.target - self._connections
        for _ in range(self._context.slots.take(wanted)):
            self._connect_more(self._helpers_stopper)
        count = min(self._growth.target, self._connections)
        word = "connections" if count > 1 else "connection"
        self._context.control.note("connections", f"{self._file.path}: {count} {word}")

    def _connect_more(self, stopper: Stopper) -> None:
        with self._lock:
            self._connections += 1
        helper = self._context.pool.submit(self._help, stopper)
        helper.add_done_callback(self._helper_ended)

    def _helper_ended(self, _: Future[None]) -> None:
        with self._lock:
            self._connections -= 1
        self._context.slots.give_back()

    def _help(self, stopper: Stopper) -> None:
        with Lane(self._context, stopper) as lane:
            while not self._alone and self._connections <= self._growth.target:
                chunk = self._queue.take(self._chunk_size())
                if chunk is None:
                    return
                try:
                    self._receive(lane, chunk, chief=False)
                except (*FAILURES, OtherBytes, Stopped):
                    self._growth.refused(self._connections - 1)
                    return
                finally:
                    self._queue.give_back(chunk)


def _patiently() -> None:
    """Wait without an end: helpers are stopped already and let go within moments."""
