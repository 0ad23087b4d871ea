"""What each server between two sides needs: a listener, a thread a connection, an end to all."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator


class Acceptor(ABC):
    """Accepts on one loopback port; a thread for each connection, which `serve` gets."""

    def __init__(self) -> None:
        """Listen from now on: what `serve` needs has to be there already."""
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Accept nothing more, and end all connections; the threads that serve them close them."""
        with self._lock:
            running = [self._listener, *self._open]
        for sock in running:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @abstractmethod
    def serve(self, client: socket.socket) -> None:
        """Serve one connection to its end; an `OSError` ends it."""

    @contextlib.contextmanager
    def held(self, sock: socket.socket) -> Iterator[None]:
        """Have `close` end a connection while the block runs, and close it afterwards."""
        with self._lock:
            self._open.add(sock)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._served, args=(client,), daemon=True).start()

    def _served(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), self.held(client):
            self.serve(client)
