"""A small threaded HTTP/1.1 server core with the sockets in reach.

The stand-ins must break a connection at an exact byte, reset it, stall it and pace it, and
must cost little beside the program they test. The server of the standard library hides its
socket and parses heads through the mail package; here a handler gets the connection itself
(`connections`), and each connection has a thread.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from tests.standins.connections import Connection, ConnectionEnded, Request

Handler = Callable[[Request, Connection], bool]
"""Answers one request; returns whether the connection may carry another."""


class LoopbackServer:
    """Accepts on one loopback port and runs a thread for each connection.

    It can be stopped and started again on the same port, as a service that goes away does.
    """

    def __init__(self, handler: Handler, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Bind at once, so that the port is known; `start` begins to accept."""
        self._handler = handler
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[Connection, threading.Thread] = {}
        self._accepted = 0
        self._acceptor: threading.Thread | None = None
        self._listener = _listener(host, port)
        self.host = host
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """The origin of this server."""
        return f"http://{self.host}:{self.port}"

    @property
    def accepted_connections(self) -> int:
        """How many connections were ever accepted."""
        return self._accepted

    def start(self) -> None:
        """Accept from now on; after `stop` the same port is bound again."""
        if self._closing.is_set():
            self._closing = threading.Event()
            self._listener = _listener(self.host, self.port)
        self._acceptor = threading.Thread(target=self._accept, name=f"accept-{self.port}")
        self._acceptor.daemon = True
        self._acceptor.start()

    def stop(self) -> None:
        """Refuse and end every connection, and wait for the threads to be gone."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._acceptor is not None:
            self._acceptor.join(timeout=10)
        with self._lock:
            running = dict(self._connections)
        for connection in running:
            connection.interrupt()
        for thread in running.values():
            thread.join(timeout=10)

    def _accept(self) -> None:
        listener, closing = self._listener, self._closing
        while not closing.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self._accepted += 1
            connection = Connection(sock, self._accepted, closing)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            keep = True
            while keep and not self._closing.is_set():
                request = connection.read_request()
                if request is None:
                    return
                keep = self._handler(request, connection)
                connection.answered += 1
        except ConnectionEnded:
            return
        finally:
            connection.close()
            with self._lock:
                self._connections.pop(connection, None)


def _listener(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(1024)
    return listener
