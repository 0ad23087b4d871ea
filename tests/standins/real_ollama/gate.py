"""The only way out of a real server: a proxy that knows the registry and refuses all else.

It takes the server's CONNECT, speaks TLS in the registry's name, and hands what it hears to a
plain server on loopback.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.standins.piping import pipe

REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Gate:
    """Accepts on one loopback port; a thread for each connection."""

    def __init__(self, hosts: Sequence[str], backend: tuple[str, int], certificate: Path) -> None:
        """Lead CONNECT for `hosts` to `backend`."""
        self._hosts = {f"{host}:443" for host in hosts}
        self._backend = backend
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.refused: list[str] = []
        """What else was asked for, such as `CONNECT ollama.com:443`."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The address for HTTPS_PROXY."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Refuse from now on, and end all connections."""
        with self._lock:
            running = [self._listener, *self._open]
        for sock in running:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), self._held(client):
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
            self._held(secure),
            socket.create_connection(self._backend) as server,
            self._held(server),
        ):
            pipe(secure, server)

    @contextlib.contextmanager
    def _held(self, sock: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(sock)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()


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
