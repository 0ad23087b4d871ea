"""The only way out of a real server: a proxy that knows the registry and refuses all else.

It takes the server's CONNECT, speaks TLS in the registry's name, and hands what it hears to a
plain server on loopback.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from tests.standins.accepting import Acceptor
from tests.standins.piping import pipe

REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Gate(Acceptor):
    """Leads CONNECT for chosen hosts to one backend."""

    def __init__(self, hosts: Sequence[str], backend: tuple[str, int], certificate: Path) -> None:
        """Speak in the name of `hosts` with a certificate of theirs."""
        self._hosts = {f"{host}:443" for host in hosts}
        self._backend = backend
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self.refused: list[str] = []
        """What else was asked for, such as `CONNECT ollama.com:443`."""
        super().__init__()

    @property
    def url(self) -> str:
        """The address for HTTPS_PROXY."""
        return f"http://127.0.0.1:{self.port}"

    def serve(self, client: socket.socket) -> None:
        """Open the tunnel, or refuse."""
        method, target = _asked(client)
        if method != "CONNECT" or target not in self._hosts:
            self.refused.append(f"{method} {target}")
            client.sendall(REFUSAL)
            return
        client.sendall(TUNNEL)
        with self._context.wrap_socket(client, server_side=True) as secure:
            self._lead(secure)

    def _lead(self, secure: socket.socket) -> None:
        with (
            self.held(secure),
            socket.create_connection(self._backend) as server,
            self.held(server),
        ):
            pipe(secure, server)


def _asked(client: socket.socket) -> tuple[str, str]:
    """Method and target of the first line; raises `OSError` where there is none."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(4096)
        if not data:
            raise ConnectionError("no request")
        head += data
    method, target, *_ = head.decode("latin-1").split(" ", 2)
    return method, target
