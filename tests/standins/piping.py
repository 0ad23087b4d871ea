"""Copying between two sockets, for what stands between a client and a server."""

from __future__ import annotations

import select
import socket
import ssl


def pipe(one: socket.socket, other: socket.socket) -> None:
    """Copy in both directions until one side ends."""
    while True:
        ready: list[socket.socket] = [
            sock for sock in (one, other) if isinstance(sock, ssl.SSLSocket) and sock.pending()
        ]
        if not ready:
            ready, _, _ = select.select([one, other], [], [])
        for sock in ready:
            data = sock.recv(65536)
            if not data:
                return
            (other if sock is one else one).sendall(data)
