"""Servers that stand between a transfer and the hub: a TLS front, a proxy, a portal's redirect."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.standins.accepting import Acceptor
from tests.standins.piping import pipe

CERTIFICATE = Path(__file__).with_name("loopback.pem")
"""For 127.0.0.1 and hub.example; trusted by nobody who is not told to."""


class Relay(Acceptor):
    """Takes connections on loopback and pipes them to a backend.

    With `tls` it is the hub behind TLS. With `proxy` it is an HTTP proxy that knows every name
    as the backend: CONNECT is piped, a request with an absolute address is passed on alone.
    """

    def __init__(self, backend: str, *, tls: bool = False, proxy: bool = False) -> None:
        parts = urlsplit(backend)
        assert parts.hostname
        assert parts.port
        self._backend = (parts.hostname, parts.port)
        self._proxy = proxy
        self.asked: list[str] = []
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(CERTIFICATE)
        super().__init__()

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def serve(self, client: socket.socket) -> None:
        if self._context:
            client = self._context.wrap_socket(client, server_side=True)
        with self.held(client):
            first = self._answer_as_proxy(client) if self._proxy else b""
            with socket.create_connection(self._backend) as server, self.held(server):
                server.sendall(first)
                pipe(client, server)

    def _answer_as_proxy(self, client: socket.socket) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        first, _, rest = head.decode("latin-1").partition("\r\n")
        method, target, version = first.split()
        self.asked.append(head.decode("latin-1"))
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            return b""
        parts = urlsplit(target)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return f"{method} {path} {version}\r\nConnection: close\r\n{rest}".encode("latin-1")


@contextlib.contextmanager
def relay(backend: str, *, tls: bool = False, proxy: bool = False) -> Iterator[Relay]:
    running = Relay(backend, tls=tls, proxy=proxy)
    try:
        yield running
    finally:
        running.close()
