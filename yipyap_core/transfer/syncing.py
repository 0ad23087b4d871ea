"""Makes partial files durable now and then, in a thread, so that no connection waits for a disk."""

from __future__ import annotations

import contextlib
import threading
import time

from yipyap_core.transfer.context import OpenPartials


class PeriodicSync:
    """Runs while its block does."""

    def __init__(self, partials: OpenPartials, seconds: float) -> None:
        """Wait `seconds` between two rounds, or as long as the last one took."""
        self._partials = partials
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="transfer-sync", daemon=True)

    def __enter__(self) -> PeriodicSync:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ask the thread to end; a disk that is busy with it is not waited for."""
        self._ended.set()

    def _run(self) -> None:
        pause = self._seconds
        while not self._ended.wait(pause):
            began = time.monotonic()
            with contextlib.suppress(OSError):  # the writers meet the same error and report it
                self._partials.sync()
            pause = max(self._seconds, time.monotonic() - began)
