"""The only way out for a process that fetches files with the hub's own client.

It is a SOCKS5 server on loopback, open to that process alone by a password. What comes in through
it obeys the host's limit of bandwidth, and it connects only to where our own connections may go.
TLS stays between the client and the hub: here pass bytes that cannot be read.
"""

from __future__ import annotations

import contextlib
import secrets
import selectors
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from yipyap_core.buffers import page_aligned
from yipyap_core.errors import RedirectRefused, TransferError
from yipyap_core.transfer.dialing import Dialer, Trust
from yipyap_core.transfer.limiter import BandwidthLimit
from yipyap_core.transfer.options import TransferOptions
from yipyap_core.transfer.socks import Refused, Reply, read_target, reply
from yipyap_core.transfer.stopping import Stopper

BUFFER_BYTES = 256 * 1024
MOST_CONNECTIONS = 128
"""At a time; what comes beyond waits. The xet client opens dozens."""
GREETING_SECONDS = 10.0
"""So long a client may take to say what it wants."""


@contextlib.contextmanager
def open_gate(
    options: TransferOptions, trust: Trust, limit: BandwidthLimit, stopper: Stopper
) -> Iterator[Gate]:
    """Serve while the block runs; afterwards nothing is connected any more."""
    with (
        ThreadPoolExecutor(MOST_CONNECTIONS + 1, thread_name_prefix="gate") as pool,
        socket.create_server(("127.0.0.1", 0)) as listener,
        stopper.branch() as branch,
    ):
        gate = Gate(listener, Dialer(options, trust, branch), limit, branch)
        pool.submit(gate.serve, pool)
        yield gate


class Gate:
    """Lets the holder of `url` connect, each connection in a thread of its own."""

    def __init__(
        self, listener: socket.socket, dialer: Dialer, limit: BandwidthLimit, stopper: Stopper
    ) -> None:
        """Serve nobody yet; the dialer's sockets and ours are known to the stopper."""
        self._listener = listener
        self._dialer = dialer
        self._limit = limit
        self._stopper = stopper
        self._password = secrets.token_urlsafe(24)
        self.failure: TransferError | None = None
        """Why the last connection that was asked for could not be made."""

    @property
    def url(self) -> str:
        """For `ALL_PROXY`; names are resolved here. A secret."""
        return f"socks5h://child:{self._password}@127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self, pool: ThreadPoolExecutor) -> None:
        """Accept connections for the pool to handle, until the stopper ends it."""
        with self._stopper.watching(self._listener):
            while True:
                inner, _ = self._listener.accept()
                pool.submit(self._handle, inner)

    def _handle(self, inner: socket.socket) -> None:
        """One connection from its greeting to its end; whatever breaks it, the client sees."""
        with inner, self._stopper.watching(inner):
            inner.settimeout(GREETING_SECONDS)
            host, port = read_target(inner, self._password)
            outer = self._connect(inner, host, port)
            try:
                reply(inner, Reply.GRANTED)
                self._relay(inner, outer)
            finally:
                self._dialer.close(outer)

    def _connect(self, inner: socket.socket, host: str, port: int) -> socket.socket:
        try:
            outer = self._dialer.tunnel(host, port)
        except TransferError as error:
            self.failure = error
            refused = isinstance(error, RedirectRefused)
            reply(inner, Reply.NOT_ALLOWED if refused else Reply.UNREACHABLE)
            raise Refused(error.message) from error
        self.failure = None
        return outer

    def _relay(self, inner: socket.socket, outer: socket.socket) -> None:
        """Pass bytes on, both ways, until the far end has no more or either end breaks."""
        inner.settimeout(None)
        outer.settimeout(None)
        view = page_aligned(BUFFER_BYTES)
        with selectors.DefaultSelector() as ready:
            ready.register(inner, selectors.EVENT_READ)
            ready.register(outer, selectors.EVENT_READ)
            while True:
                ends = {key.fileobj for key, _ in ready.select()}
                if inner in ends and not _pass_on(inner, outer, view):
                    return
                if outer in ends and not self._let_in(outer, inner, view):
                    return

    def _let_in(self, outer: socket.socket, inner: socket.socket, view: memoryview) -> bool:
        """Pass on what the far end sends, as fast as the limit allows."""
        most = self._limit.take(len(view), self._stopper.wait)
        count = _pass_on(outer, inner, view[:most])
        self._limit.give_back(most - count)
        return count > 0


def _pass_on(source: socket.socket, target: socket.socket, view: memoryview) -> int:
    count = source.recv_into(view)
    target.sendall(view[:count])
    return count
