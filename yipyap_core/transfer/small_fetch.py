"""A small file: one request, held in memory until it is whole, then written at once."""

from __future__ import annotations

from yipyap_core.domain.downloads import RemoteFile
from yipyap_core.transfer.connection import LineBroken
from yipyap_core.transfer.context import Context, Lane
from yipyap_core.transfer.hashing import new_digest
from yipyap_core.transfer.recovery import FAILURES, Recovery
from yipyap_core.transfer.requests import OtherBytes, Wanted


def fetch_small(context: Context, lane: Lane, file: RemoteFile) -> memoryview | None:
    """The file's bytes, in the lane's buffer; None when its hash is wrong.

    Raises a `TransferError` or the job's own exception.
    """
    fetch = _SmallFetch(context, lane, file)
    fetch.run()
    data = lane.buffer[: file.size_bytes]
    digest = new_digest(file)
    digest.update(data)
    return data if digest.hexdigest() == file.etag else None


class _SmallFetch:
    def __init__(self, context: Context, lane: Lane, file: RemoteFile) -> None:
        self._context = context
        self._lane = lane
        self._file = file
        self._have = 0
        self._validator: str | None = None
        self._recovery: Recovery | None = None

    def run(self) -> None:
        while self._have < self._file.size_bytes:
            try:
                self._receive()
            except OtherBytes as error:
                self._recover().restart(error)
                self._have, self._validator = 0, None
            except FAILURES as error:
                recovery = self._recover()
                recovery.budget.progress(self._have)
                recovery.pause(error, self._lane.stopper)

    def _recover(self) -> Recovery:
        if self._recovery is None:
            context = self._context
            self._recovery = Recovery(context.options, context.control, self._file)
        return self._recovery

    def _receive(self) -> None:
        size, buffer = self._file.size_bytes, self._lane.buffer
        body = self._lane.requests.open(Wanted(self._file, self._have, size, self._validator))
        self._have, self._validator = body.start, body.validator
        limit, stopper = self._context.limit, self._lane.stopper
        try:
            while self._have < size:
                most = limit.take(size - self._have, stopper.wait)
                count = body.line.read_into(buffer[self._have : self._have + most])
                if count == 0:
                    raise LineBroken(f"{body.line.origin} ended before the file did")
                self._have += count
                limit.give_back(most - count)
                stopper.check()
        except BaseException:
            self._lane.lines.drop(body.line)
            raise
        self._lane.lines.keep(body.line)
