"""Ends everything a run has open at once: on cancellation, or when one part of it failed."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

from yipyap_core.transfer.control import TransferControl

WAIT_SLICE_SECONDS = 0.1


class Stopped(Exception):
    """This thread has nothing to report: another one failed first, or the run is over."""


class Stopper:
    """A stop signal: knows its sockets and shuts them from whichever thread stops it.

    A shut socket wakes a reader blocked on it within a millisecond, also under TLS. A run has one;
    a part of the run that may end early has a `branch` of it.
    """

    def __init__(self, control: TransferControl, parent: Stopper | None = None) -> None:
        """Listen to the control, or to the parent; an earlier cancellation is noticed too."""
        self._control = control
        self._parent = parent
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._branches: set[Stopper] = set()
        self._stopped = False
        if parent is None:
            control.on_cancel(self.shut)

    @contextlib.contextmanager
    def branch(self) -> Iterator[Stopper]:
        """A stopper that also stops with this one, and when the block ends."""
        branch = Stopper(self._control, self)
        with self._lock:
            self._branches.add(branch)
        try:
            yield branch
        finally:
            branch.stop()
            with self._lock:
                self._branches.discard(branch)

    def shut(self) -> None:
        """Wake all who block on the network; harmless when repeated."""
        with self._lock:
            sockets, branches = list(self._sockets), list(self._branches)
        for sock in sockets:
            shut_down(sock)
        for branch in branches:
            branch.shut()

    def stop(self) -> None:
        """Let every thread that uses this stopper end at its next step."""
        self._stopped = True
        self.shut()

    def check(self) -> None:
        """Raise the job's own exception when it is cancelled, `Stopped` when this is stopped."""
        self._control.raise_if_cancelled()
        if self.is_stopped:
            raise Stopped

    @property
    def is_stopped(self) -> bool:
        """Whether this stopper or one above it was stopped."""
        return self._stopped or (self._parent is not None and self._parent.is_stopped)

    def wait(self, seconds: float) -> None:
        """Pause for exactly so long; raises as `check` does, within a tenth of a second."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.check()
            self._control.wait(min(left, WAIT_SLICE_SECONDS))
        self.check()

    @contextlib.contextmanager
    def watching(self, sock: socket.socket) -> Iterator[None]:
        """Have `sock` shut by a stop while the block runs; raises as `check` does at its ends."""
        self.add(sock)
        try:
            self.check()
            yield
        finally:
            self.discard(sock)

    def add(self, sock: socket.socket) -> None:
        """Have `sock` shut by a stop, from now on; call `check` after it."""
        with self._lock:
            self._sockets.add(sock)

    def discard(self, sock: socket.socket) -> None:
        """Forget `sock`, before it is closed."""
        with self._lock:
            self._sockets.discard(sock)


def shut_down(sock: socket.socket) -> None:
    """Wake whoever blocks on the socket, from any thread."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
