"""The files of one run, and the lanes that empty the queue: few for large files, more for small.

Near by, one lane for small files is as fast as two and takes a fifth less of the processor; more
gain where each request has to wait for the distance. The first file tells how many to begin with,
and from there lanes are added while they gain.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from yipyap_core.errors import FileNotInRepository, HashMismatch, TransferError
from yipyap_core.transfer.context import Context, Lane
from yipyap_core.transfer.disk import cache_errors, sync_file, wait_for_disk
from yipyap_core.transfer.file_transfer import Counted, FileTransfer
from yipyap_core.transfer.growth import Growth
from yipyap_core.transfer.stopping import Stopped
from yipyap_core.transfer.works import Work, works_of

OF_ONE_FILE = (FileNotInRepository, HashMismatch)
"""Failures that say nothing of the other files, which go on."""
NEAR_LANES, FAR_LANES = 1, 16
FAR_SECONDS = 0.015
"""A first small file that took longer came from far away."""
SETTLE_SECONDS = 0.1
MEASURE_SECONDS = 0.2


@dataclass(slots=True)
class Group:
    """Works of one kind, and how many lanes they have."""

    works: deque[Work]
    most_lanes: int
    growth: Growth
    lanes: int = 0
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Queue:
    """What is missing of one run's plan."""

    def __init__(self, context: Context) -> None:
        """Look at nothing yet."""
        self._context = context
        self._transfer = FileTransfer(context, Counted())
        self._lock = threading.Lock()
        self._failure: TransferError | None = None
        self._fresh_small: list[Work] = []
        self._futures: set[Future[None]] = set()

    def empty(self) -> None:
        """Fetch what is missing; raises the first failure after the others came to an end."""
        works = works_of(self._context.plan.files)
        missing = [self._transfer.take_up(work) for work in works if not self._is_present(work)]
        options = self._context.options
        small = deque(work for work in missing if not work.is_large)
        large = deque(work for work in missing if work.is_large)
        self._start(Group(small, options.small_lanes, Growth()))
        self._start(Group(large, options.large_lanes, Growth(options.large_lanes)))
        self._join()
        if self._failure is not None:
            raise self._failure
        self._make_durable()

    def _is_present(self, work: Work) -> bool:
        self._context.stopper.check()
        return self._transfer.take_present(work)

    # lanes

    def _start(self, group: Group) -> None:
        with group.lock:
            wanted = min(group.growth.target, group.most_lanes, len(group.works))
            for _ in range(wanted - group.lanes):
                group.lanes += 1
                self._submit(group)

    def _submit(self, group: Group) -> None:
        with self._lock:
            self._futures.add(self._context.pool.submit(self._lane, group))

    def _join(self) -> None:
        """Wait for all lanes, those added meanwhile too; the first exception ends the others."""
        ended: set[Future[None]] = set()
        while open_ones := self._open_futures(ended):
            done, _ = wait(open_ones, return_when=FIRST_COMPLETED)
            ended |= done
            if any(future.exception() for future in done):
                self._context.stopper.stop()
        self._context.control.raise_if_cancelled()
        _raise_first(ended)

    def _open_futures(self, ended: set[Future[None]]) -> set[Future[None]]:
        with self._lock:
            return self._futures - ended

    def _lane(self, group: Group) -> None:
        with Lane(self._context, self._context.stopper) as lane:
            ahead = lane.look_ahead(lambda: self._next(group))
            while (work := ahead.take()) is not None:
                began = time.monotonic()
                self._bring(lane, work)
                self._grow(group, time.monotonic() - began)

    def _next(self, group: Group) -> Work | None:
        with group.lock:
            if not group.works or group.lanes > group.growth.target:
                group.lanes -= 1
                return None
            return group.works.popleft()

    def _grow(self, group: Group, seconds: float) -> None:
        """Judge by the files that arrive whether more lanes gain something; under a limit that is
        reached none does, and what waits says nothing of the distance."""
        limit = self._context.limit
        with group.lock:
            group.done += 1
            if group.done == 1 and group.growth.target == 1:
                is_far = seconds >= FAR_SECONDS and limit.bytes_per_second is None
                lanes = FAR_LANES if is_far else NEAR_LANES
                group.growth = Growth(lanes, SETTLE_SECONDS, MEASURE_SECONDS)
            elif not limit.is_reached:
                now = time.monotonic()
                group.growth.look(now, group.done, most=group.most_lanes)
            short = group.lanes < group.growth.target and bool(group.works)
        if short:
            self._start(group)

    def _bring(self, lane: Lane, work: Work) -> None:
        try:
            if work.is_large:
                self._transfer.bring(lane, work)  # says itself when it only hashes
            else:
                with self._context.phases.transferring():
                    self._transfer.bring(lane, work)
        except OF_ONE_FILE as error:
            self._context.control.note("file_failed", error.message)
            with self._lock:
                self._failure = self._failure or error
        else:
            if not work.is_large:
                self._fresh_small.append(work)

    def _make_durable(self) -> None:
        """Small files are made durable together: after the first, the disk has little to do."""
        with cache_errors(self._context.layout.blobs, self._context.plan.repo.repo_id):
            wait_for_disk(self._sync_small, self._context.stopper.check)

    def _sync_small(self) -> None:
        layout = self._context.layout
        for work in self._fresh_small:
            self._context.stopper.check()
            sync_file(layout.content_text(work.names) or layout.blob_text(work.file))
        for folder in (layout.blobs, layout.snapshot):
            sync_file(str(folder))


def _raise_first(futures: set[Future[None]]) -> None:
    """Raise what went wrong, not what was stopped because of it."""
    for future in futures:
        error = future.exception()
        if error is not None and not isinstance(error, Stopped):
            raise error
