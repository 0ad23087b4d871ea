"""TLS over a connected socket with few system calls.

The standard library's secured socket asks the kernel twice for each record of 16 KiB; on a fast
line that is most of the time. Here the encrypted bytes come a quarter of a megabyte at a time and
the records are taken out of memory. The socket itself stays a plain one, so that whoever stops a
transfer shuts it without touching the state of the encryption.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any

from yipyap_core.buffers import page_aligned
from yipyap_core.transfer.deadline import Deadline

RAW_BYTES = 256 * 1024


def reason_of(error: OSError) -> str | None:
    """What went wrong in plain words, without the encryption library's brackets and lines."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return error.strerror


class Tls:
    """One connection's encryption, for one thread."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str) -> None:
        """Send nothing yet; `sock` stays the caller's."""
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._read: Any = self._object.read  # the stubs know only the form that returns bytes
        self._raw = page_aligned(RAW_BYTES)

    @property
    def version(self) -> str | None:
        """Such as `TLSv1.3`; None before the handshake."""
        return self._object.version()

    def shake_hands(self, timeout_seconds: float) -> None:
        """Agree on keys and check the certificate, all within the time; raises `OSError`."""
        deadline = Deadline(timeout_seconds)
        try:
            while True:
                try:
                    return self._object.do_handshake()
                except ssl.SSLWantReadError:
                    self._flush()
                    self._sock.settimeout(deadline.left())
                    self._pull()
        finally:
            with contextlib.suppress(OSError):
                self._flush()  # the last of ours, or why we refuse theirs

    def send(self, data: bytes) -> None:
        """Send all of it; raises `OSError`."""
        self._object.write(data)
        self._flush()

    def read_some(self, view: memoryview) -> int:
        """What is there, at least one byte; 0 only at the end. Raises `OSError`."""
        while (count := self._take(view)) is None:
            self._flush()
            self._pull()
        return count

    def read_much(self, view: memoryview) -> int:
        """`read_some`, and as many further records as have arrived and fit."""
        count = self.read_some(view)
        while 0 < count < len(view):
            more = self._take(view[count:])
            if not more:  # the end is met again by the next call
                break
            count += more
        return count

    def _take(self, view: memoryview) -> int | None:
        """Out of memory; None where the socket has to be asked first."""
        try:
            count: int = self._read(len(view), view)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return 0
        return count

    def _pull(self) -> None:
        count = self._sock.recv_into(self._raw)
        if count:
            self._incoming.write(self._raw[:count])
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._sock.sendall(self._outgoing.read())
