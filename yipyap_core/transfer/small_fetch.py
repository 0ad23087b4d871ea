"""A small file: one request, held in memory until it is whole, then written at once.

Where it comes slowly it is not held for long: what is there is handed over, to be written and
counted like the bytes of a large file, and the rest of the answer goes on from where it is.
"""

from __future__ import annotations

import time
from dataclasses import replace

from yipyap_core.domain.downloads import RemoteFile
from yipyap_core.transfer.connection import LineBroken
from yipyap_core.transfer.context import Context, Lane
from yipyap_core.transfer.recovery import FAILURES, Recovery
from yipyap_core.transfer.requests import Body, OtherBytes, Wanted

HOLD_SECONDS = 0.25
"""So long the bytes of a small file are seen by nobody and lost by a stop."""


def fetch_small(context: Context, lane: Lane, file: RemoteFile) -> memoryview:
    """The file's bytes, in the lane's buffer, or only the first of them where they come slowly.

    Then the lane's next request for the rest is answered by what is on its way. Raises a
    `TransferError` or the job's own exception.
    """
    fetch = _SmallFetch(context, lane, file)
    return lane.buffer[: fetch.run()]


class _SmallFetch:
    def __init__(self, context: Context, lane: Lane, file: RemoteFile) -> None:
        self._context = context
        self._lane = lane
        self._file = file
        self._have = 0
        self._is_slow = False
        self._validator: str | None = None
        self._recovery: Recovery | None = None

    def run(self) -> int:
        while self._have < self._file.size_bytes and not self._is_slow:
            try:
                self._receive()
            except OtherBytes as error:
                self._recover().restart(error)
                self._have, self._validator = 0, None
            except FAILURES as error:
                recovery = self._recover()
                recovery.budget.progress(self._have)
                recovery.pause(error, self._lane.stopper)
        return self._have

    def _recover(self) -> Recovery:
        if self._recovery is None:
            context = self._context
            self._recovery = Recovery(context.options, context.control, self._file)
        return self._recovery

    def _receive(self) -> None:
        size = self._file.size_bytes
        body = self._lane.requests.open(Wanted(self._file, self._have, size, self._validator))
        self._have, self._validator = body.start, body.validator
        try:
            self._fill(body)
        except BaseException:
            self._lane.lines.drop(body.line)
            raise
        if self._is_slow:
            self._lane.requests.set_aside(self._file, replace(body, start=self._have, partial=True))
        else:
            self._lane.lines.keep(body.line)

    def _fill(self, body: Body) -> None:
        limit, stopper, began = self._context.limit, self._lane.stopper, time.monotonic()
        size, buffer = self._file.size_bytes, self._lane.buffer
        while self._have < size and not self._is_slow:
            most = limit.take(size - self._have, stopper.wait)
            count = body.line.read_into(buffer[self._have : self._have + most])
            if count == 0:
                raise LineBroken(f"{body.line.origin} ended before the file did")
            self._have += count
            limit.give_back(most - count)
            stopper.check()
            self._is_slow = self._have < size and time.monotonic() - began >= HOLD_SECONDS
