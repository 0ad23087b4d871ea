"""One keep-alive connection: a request, its answer's head, and the body into a given buffer.

A read waits for as long as it takes; the watch ends a connection that is too slow, by
shutting it from outside, and leaves the reason in `expired`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from yipyap_core.transfer.addresses import Origin
from yipyap_core.transfer.dialing import Dialer
from yipyap_core.transfer.pipes import Pipe
from yipyap_core.transfer.reader import NOTHING_YET, SocketReader
from yipyap_core.transfer.tls import reason_of
from yipyap_core.transfer.wire import Chunks, Malformed, read_head, request_bytes

LEAST_FILL_BYTES = 64 * 1024
MOST_FILL_BYTES = 1024 * 1024
FILL_SECONDS = 0.05
"""One call asks for what should arrive in so many seconds: large views on a fast line, so that
little is done for each byte; on a slow one what has arrived, so that progress stays smooth."""

RICH_BYTES = 256 * 1024
"""Less than this at a time is better gathered by a call that waits for more."""
POOR_READS = 16
"""So many calls wait for more before what is there is taken again."""


class Busy(Enum):
    """What a connection is waiting for, so that the watch knows what to expect of it."""

    NOTHING = "nothing"
    HEADERS = "headers"
    BODY = "body"


class LineBroken(Exception):
    """The connection ended before the answer did; `stalled` when the watch ended it."""

    def __init__(self, reason: str, *, stalled: bool = False) -> None:
        """Keep the reason for people."""
        super().__init__(reason)
        self.reason = reason
        self.stalled = stalled


@dataclass(slots=True)
class Pulse:
    """What the watch sees of a connection; the owner writes, the watch reads."""

    busy: Busy = Busy.NOTHING
    since: float = 0.0
    received: int = 0
    expired: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and headers of an answer, its body still on the line."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    origin: Origin
    length: int | None
    """Of the body; None where only its end tells."""


class Line:
    """A connection to one origin, used by one thread."""

    def __init__(self, origin: Origin, dialer: Dialer) -> None:
        """Connect; raises `HubUnreachable` or `RedirectRefused`."""
        self.origin = origin
        self.pulse = Pulse()
        self._dialer = dialer
        self._channel = dialer.dial(origin)
        self._reader = SocketReader(self._channel.sock, self._channel.tls)
        self._fill_bytes = LEAST_FILL_BYTES
        self._poor_reads = 0
        self._left: int | None = 0
        self._chunks: Chunks | None = None
        self._keep_alive = True
        self._asked: tuple[str, Mapping[str, str]] | None = None
        proxy = dialer.proxy_for(origin)
        self.proxied = proxy is not None
        self.tls = self._channel.tls.version if self._channel.tls else None
        proxy = proxy if origin.scheme == "http" else None
        self._target_prefix = str(origin) if proxy else ""
        self._own_headers = [("Host", origin.host_header)]
        if proxy and proxy.authorization:
            self._own_headers.append(("Proxy-Authorization", proxy.authorization))

    @property
    def sock(self) -> socket.socket:
        """The socket, for the watch to shut."""
        return self._channel.sock

    def ask(self, target: str, headers: Mapping[str, str]) -> None:
        """Ask for a path and query; the answer is read by a `get` of the same, or never.

        Raises `LineBroken`.
        """
        self._asked = target, headers
        try:
            pairs = [*self._own_headers, *headers.items()]
            self._channel.send(request_bytes(self._target_prefix + target, pairs))
        except (OSError, Malformed) as error:
            raise self._broken(error) from error

    @property
    def is_idle(self) -> bool:
        """Whether no answer is on its way."""
        return self._asked is None

    def is_free_for(self, target: str, headers: Mapping[str, str]) -> bool:
        """Whether the next answer on this line is that of such a request."""
        return self._asked is None or self._asked == (target, headers)

    def get(self, target: str, headers: Mapping[str, str]) -> Answer:
        """Ask, unless that is done, and read the answer's head; raises `LineBroken`."""
        self._expect(Busy.HEADERS)
        try:
            if self._asked is None:
                self.ask(target, headers)
            self._asked = None
            head = read_head(self._reader)
            self._left = head.length
        except (OSError, Malformed) as error:
            raise self._broken(error) from error
        finally:
            self.pulse.busy = Busy.NOTHING
        self._chunks = Chunks(self._reader) if head.is_chunked else None
        self._keep_alive = head.keep_alive
        return Answer(head.status, head.headers, self.origin, self._left)

    def read_into(self, view: memoryview) -> int:
        """Put the next bytes of the body into `view`; 0 at the end of what the server sends.

        How many at once depends on how fast they come. Raises `LineBroken`.
        """
        if self._left == 0:
            return 0
        self._expect(Busy.BODY)
        try:
            count = self._read(view)
        except (OSError, Malformed) as error:
            raise self._broken(error) from error
        finally:
            self.pulse.busy = Busy.NOTHING
        self.pulse.received += count
        if count == 0 and self.pulse.expired:
            raise LineBroken(self.pulse.expired, stalled=True)
        return count

    @property
    def is_rich(self) -> bool:
        """Whether so much arrives at a time that `splice_into` is the cheaper way."""
        if self._fill_bytes < MOST_FILL_BYTES or not self._left or self._chunks is not None:
            return False
        self._poor_reads -= self._poor_reads > 0
        return self._poor_reads == 0 and self._reader.is_bare

    def splice_into(self, pipe: Pipe, most: int) -> int | None:
        """Move what has arrived of the body into the pipe; 0 at the end of what the server sends.

        Only where `is_rich`; None, with nothing moved, where the pipe is of no use. Raises
        `LineBroken`.
        """
        self._expect(Busy.BODY)
        try:
            count = self._splice(pipe, min(most, self._left or 0))
        except OSError as error:
            raise self._broken(error) from error
        finally:
            self.pulse.busy = Busy.NOTHING
        if count is None:
            return None
        self._left = (self._left or 0) - count
        self.pulse.received += count
        if count < min(RICH_BYTES, most):
            self._poor_reads = POOR_READS
        if count == 0 and self.pulse.expired:
            raise LineBroken(self.pulse.expired, stalled=True)
        return count

    def _splice(self, pipe: Pipe, most: int) -> int | None:
        while True:
            try:
                return pipe.fill(self._channel.sock, most)
            except NOTHING_YET:
                continue

    def _read(self, view: memoryview) -> int:
        if self._chunks is not None:
            return self._chunks.read_into(view)
        if self._left is None:
            return self._reader.read_some(view)
        count = self._fill(view[: min(self._left, self._fill_bytes)])
        self._left -= count
        return count

    def _fill(self, view: memoryview) -> int:
        slow = self._fill_bytes == LEAST_FILL_BYTES
        count = self._reader.read_some(view) if slow else self._reader.read_all(view)
        seconds = max(1e-6, time.monotonic() - self.pulse.since)
        fitting = min(2 * self._fill_bytes, int(count / seconds * FILL_SECONDS))
        self._fill_bytes = max(LEAST_FILL_BYTES, min(MOST_FILL_BYTES, fitting))
        return count

    def finish(self) -> bool:
        """Whether the body was read to its end and the line can be asked again; else closed."""
        ended = self._chunks.ended if self._chunks is not None else self._left == 0
        if ended and self._keep_alive:
            return True
        self.close()
        return False

    def close(self) -> None:
        """End the connection."""
        self._dialer.close(self._channel.sock)

    def _expect(self, busy: Busy) -> None:
        self.pulse.since = time.monotonic()
        self.pulse.busy = busy

    def _broken(self, error: OSError | Malformed) -> LineBroken:
        if self.pulse.expired:
            return LineBroken(self.pulse.expired, stalled=True)
        if isinstance(error, Malformed):
            return LineBroken(f"{self.origin}: {error}")
        reason = reason_of(error) or "ended the connection"
        return LineBroken(f"{self.origin}: {reason.lower()}")
