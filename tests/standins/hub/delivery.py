"""Sends an answer, as promised or as the faults of the moment have it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from tests.standins.connections import (
    SENDFILE_PIECE_BYTES,
    Connection,
    ConnectionEnded,
    Request,
    head,
)
from tests.standins.hub.answers import Answer
from tests.standins.hub.records import LogEntry

PIECE_BYTES = 256 * 1024
PACE_SECONDS = 0.01
COPY_BYTES = 32 * 1024
CREDIT_SECONDS = 0.05


class Pacer:
    """Shares so many bytes a second among all who ask it; None means no limit."""

    def __init__(self, bytes_per_second: float | None = None) -> None:
        """Begin idle; the rate may be changed at any time."""
        self.bytes_per_second = bytes_per_second
        self._lock = threading.Lock()
        self._free_at: float | None = None

    def piece_bytes(self) -> int:
        """How much to send at once so that the pace stays even."""
        if self.bytes_per_second is None:
            return PIECE_BYTES
        return max(1, min(PIECE_BYTES, int(self.bytes_per_second * PACE_SECONDS)))

    def reserve(self, count: int) -> float:
        """Book `count` bytes; returns the seconds to wait before they may go.

        Who came a little late may catch up, so that the pace is kept on a busy machine.
        """
        rate = self.bytes_per_second
        if rate is None:
            return 0.0
        with self._lock:
            now = time.monotonic()
            begin = now if self._free_at is None else max(now - CREDIT_SECONDS, self._free_at)
            self._free_at = begin + count / rate
            return max(0.0, begin - now)


class End(Enum):
    """How a body ends that does not end well."""

    CLOSE = "close"
    RESET = "reset"
    STALL = "stall"


@dataclass(frozen=True, slots=True)
class Cut:
    """A body that ends after `after_bytes`, in one of the bad ways."""

    after_bytes: int
    end: End
    release: threading.Event


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one answer goes over the line; the default is: at once and whole."""

    latency_seconds: float = 0.0
    hold: threading.Event | None = None
    reset_before_answer: bool = False
    cut: Cut | None = None
    pacers: Sequence[Pacer] = ()
    dribble_after_bytes: int | None = None
    dribble_seconds: float = 0.0
    corrupt_offsets: Sequence[int] = ()
    extra_bytes: int = 0
    promised_delta_bytes: int = 0

    @property
    def plain(self) -> bool:
        """Whether the body may go out in as few calls as possible."""
        return not (
            self.cut
            or self.pacers
            or self.corrupt_offsets
            or self.extra_bytes
            or self.promised_delta_bytes
            or self.dribble_after_bytes is not None
        )


def deliver(
    connection: Connection, request: Request, answer: Answer, how: Delivery, entry: LogEntry
) -> bool:
    """Send `answer`; returns whether the connection may be used again.

    Raises:
        ConnectionEnded: the line is down, on purpose or not.
    """
    if how.latency_seconds:
        connection.pause(how.latency_seconds)
    if how.hold is not None:
        connection.wait(None, how.hold)
    if how.reset_before_answer:
        connection.reset()
    keep = not how.promised_delta_bytes and request.headers.get("connection") != "close"
    entry.status = answer.status
    _send_answer(connection, request, answer, how, entry, keep=keep)
    return keep


def _send_answer(
    connection: Connection,
    request: Request,
    answer: Answer,
    how: Delivery,
    entry: LogEntry,
    *,
    keep: bool,
) -> None:
    promised = answer.count + how.extra_bytes + how.promised_delta_bytes
    headers = {**answer.headers, "Content-Length": str(max(0, promised))}
    if not keep:
        headers["Connection"] = "close"
    top = head(answer.status, headers)
    if request.method == "HEAD" or answer.count + how.extra_bytes == 0:
        entry.finishing = True
        connection.send(top)
    elif how.plain:
        _send_plain(connection, top, answer, entry)
    else:
        connection.send(top)
        _Body(connection, answer, how, entry).send()


def _send_plain(connection: Connection, top: bytes, answer: Answer, entry: LogEntry) -> None:
    descriptor = answer.content.descriptor
    if descriptor is None or answer.count <= COPY_BYTES:
        entry.finishing = True
        connection.send(top + answer.content.read(answer.start, answer.count))
        entry.bytes_sent = answer.count
        return
    connection.send(top, more=True)
    while entry.bytes_sent < answer.count:
        offset, left = answer.start + entry.bytes_sent, answer.count - entry.bytes_sent
        entry.finishing = left <= SENDFILE_PIECE_BYTES
        entry.bytes_sent += connection.send_file(descriptor, offset, left)


class _Body:
    """One body sent piece by piece, with whatever is to go wrong on the way."""

    def __init__(
        self, connection: Connection, answer: Answer, how: Delivery, entry: LogEntry
    ) -> None:
        self._connection = connection
        self._answer = answer
        self._how = how
        self._entry = entry
        self._total = answer.count + how.extra_bytes

    def send(self) -> None:
        while self._entry.bytes_sent < self._total:
            self._cut_if_due()
            count = self._piece_bytes()
            for pacer in self._how.pacers:
                self._connection.pause(pacer.reserve(count))
            self._entry.finishing = self._entry.bytes_sent + count == self._total
            self._send_piece(count)
        self._cut_if_due()

    def _cut_if_due(self) -> None:
        cut = self._how.cut
        if cut is None or self._entry.bytes_sent < cut.after_bytes:
            return
        match cut.end:
            case End.CLOSE:
                raise ConnectionEnded
            case End.RESET:
                self._connection.reset()
            case End.STALL:
                self._connection.wait(None, cut.release)
                self._how = replace(self._how, cut=None)

    def _piece_bytes(self) -> int:
        sent = self._entry.bytes_sent
        limits = [self._total - sent, PIECE_BYTES]
        limits += [pacer.piece_bytes() for pacer in self._how.pacers]
        if sent < self._answer.count:
            limits.append(self._answer.count - sent)
        if self._how.cut is not None:
            limits.append(self._how.cut.after_bytes - sent)
        limits.append(self._dribble_bytes(sent))
        return min(limits)

    def _dribble_bytes(self, sent: int) -> int:
        after = self._how.dribble_after_bytes
        if after is None:
            return PIECE_BYTES
        if sent < after:
            return after - sent
        self._connection.wait(self._how.dribble_seconds)
        return 1

    def _send_piece(self, count: int) -> None:
        descriptor = self._answer.content.descriptor
        sent = self._entry.bytes_sent
        if sent >= self._answer.count:
            self._connection.send(b"\0" * count)
        elif descriptor is None or self._how.corrupt_offsets:
            self._connection.send(self._read(self._answer.start + sent, count))
        else:
            count = self._connection.send_file(descriptor, self._answer.start + sent, count)
        self._entry.bytes_sent += count

    def _read(self, offset: int, count: int) -> bytes:
        data = bytearray(self._answer.content.read(offset, count))
        for corrupt in self._how.corrupt_offsets:
            if offset <= corrupt < offset + count:
                data[corrupt - offset] ^= 0xFF
        return bytes(data)
