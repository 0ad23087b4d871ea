"""Counts the connections of a run, host by host, for its history."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from yipyap_core.domain.connections import HostUse
from yipyap_core.transfer.addresses import Origin
from yipyap_core.transfer.connection import Line

WHOLE, PART = 200, 206


@dataclass(slots=True)
class _Count:
    """Figures of one kind of connection to one host."""

    opened: int = 0
    open_now: int = 0
    at_once: int = 0
    requests: int = 0
    streams: int = 0
    ranges: int = 0


Key = tuple[Origin, str, str, str | None, bool]


class ConnectionBook:
    """Told by the threads of a run, read by whoever shows or stores it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._counts: dict[Key, _Count] = {}

    def opened(self, line: Line) -> None:
        """Count a new connection."""
        with self._lock:
            count = self._of(_key(line))
            count.opened += 1
            count.open_now += 1
            count.at_once = max(count.at_once, count.open_now)

    def closed(self, line: Line) -> None:
        """One connection less is open."""
        with self._lock:
            self._of(_key(line)).open_now -= 1

    def answered(self, line: Line, status: int) -> None:
        """Count an answer by what it brings."""
        with self._lock:
            count = self._of(_key(line))
            count.requests += 1
            count.streams += status == WHOLE
            count.ranges += status == PART

    def helped(self, endpoint: Origin, protocol: str) -> None:
        """Count a file that the hub's own client fetches; its connections are its own affair."""
        tls = "TLS" if endpoint.scheme == "https" else None
        with self._lock:
            self._of((endpoint, "huggingface_hub", protocol, tls, False)).streams += 1

    def look(self) -> tuple[HostUse, ...]:
        """The figures as they are now."""
        with self._lock:
            return tuple(_use(key, count) for key, count in self._counts.items())

    def _of(self, key: Key) -> _Count:
        return self._counts.setdefault(key, _Count())


def _key(line: Line) -> Key:
    return line.origin, "yipyap", "HTTP/1.1", line.tls, line.proxied


def _use(key: Key, count: _Count) -> HostUse:
    origin, client, protocol, tls, proxied = key
    return HostUse(
        origin=str(origin),
        client=client,
        protocol=protocol,
        tls=tls,
        proxied=proxied,
        opened=count.opened,
        at_once=count.at_once,
        requests=count.requests,
        streams=count.streams,
        ranges=count.ranges,
    )
