"""The log of every request, with the bytes that went out, readable while they go."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

_SETTLE_SECONDS = 0.2

Port: TypeAlias = Literal["api", "cdn", "registry"]


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request as it stood when the log was read.

    `file` is the path inside the repository where the request was for a file. `ended` and
    `status` are None while it runs. `host` is the host and port that the client asked for, and
    `proxied` says that it asked this server as a proxy. Times are of `time.monotonic`, which all
    processes of a machine share. `bytes_sent` counts body bytes only.
    """

    number: int
    port: Port
    connection: int
    method: str
    host: str
    proxied: bool
    path: str
    query: str
    repo_id: str | None
    file: str | None
    range_start: int | None
    range_end: int | None
    if_range: str | None
    authorization: bool
    user_agent: str
    status: int | None
    bytes_sent: int
    started: float
    ended: float | None

    def as_json(self) -> dict[str, Any]:
        """The record as a JSON object."""
        return asdict(self)


class LogEntry:
    """A request in the making: the thread that answers it writes, the log reads."""

    __slots__ = ("_fixed", "bytes_sent", "ended", "file", "finishing", "repo_id", "status")

    def __init__(self, fixed: dict[str, Any]) -> None:
        """Begin with what the request line and headers say."""
        self._fixed = fixed
        self.repo_id: str | None = None
        self.file: str | None = None
        self.status: int | None = None
        self.bytes_sent = 0
        self.finishing = False
        self.ended: float | None = None

    def record(self) -> RequestRecord:
        """What is known now."""
        return RequestRecord(
            **self._fixed,
            repo_id=self.repo_id,
            file=self.file,
            status=self.status,
            bytes_sent=self.bytes_sent,
            ended=self.ended,
        )


class RequestLog:
    """All requests in the order in which they came in."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._entries: list[LogEntry] = []

    def begin(self, **fixed: Any) -> LogEntry:
        """Note a request that has come in."""
        with self._lock:
            entry = LogEntry({"number": len(self._entries) + 1, **fixed})
            self._entries.append(entry)
        return entry

    def end(self, entry: LogEntry) -> None:
        """Note that nothing more will be sent for it."""
        entry.ended = time.monotonic()

    def records(self, since: int = 0) -> tuple[RequestRecord, ...]:
        """The requests after the first `since` ones."""
        with self._lock:
            entries = self._entries[since:]
        self._settle(entries)
        return tuple(entry.record() for entry in entries)

    def _settle(self, entries: list[LogEntry]) -> None:
        """Let the threads catch up that are about to count what their client has already read."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        tick = threading.Event()
        for entry in entries:
            while entry.finishing and entry.ended is None and time.monotonic() < deadline:
                tick.wait(0.001)

    def clear(self) -> None:
        """Forget what has ended; what still runs goes on unlogged."""
        with self._lock:
            self._entries = []
