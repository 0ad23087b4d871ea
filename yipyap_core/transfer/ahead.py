"""The next small file of a lane, asked for while the present one is written.

The server answers meanwhile, so near by nothing is left to wait for. The file's lock comes first,
without waiting: what another program is fetching is not asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from yipyap_core.transfer.layout import Layout
from yipyap_core.transfer.locks import Held, try_lock
from yipyap_core.transfer.requests import Requests
from yipyap_core.transfer.works import Work


class Ahead:
    """Looks one work ahead in a queue; for one thread."""

    def __init__(
        self, layout: Layout, requests: Requests, next_work: Callable[[], Work | None]
    ) -> None:
        """Look at nothing yet."""
        self._layout = layout
        self._requests = requests
        self._next_work = next_work
        self._looked = False
        self._work: Work | None = None
        self._lock: Held | None = None

    def ask(self) -> None:
        """Take the next work out of the queue, and ask for it if nobody else is fetching it.

        What goes wrong here shows again when the work is done.
        """
        if self._looked:
            return
        self._work, self._looked = self._next_work(), True
        if self._work is None or self._work.has_record:
            return
        with contextlib.suppress(OSError):
            self._lock = try_lock(self._layout.lock_text(self._work.file))
            if self._lock is not None:
                self._requests.ask_ahead(self._work.file)

    def take(self) -> Work | None:
        """The work to do now; None at the end."""
        if not self._looked:
            return self._next_work()
        self._looked = False
        return self._work

    def take_lock(self) -> Held | None:
        """The lock of the work that was asked for ahead, now the caller's."""
        lock, self._lock = self._lock, None
        return lock

    def close(self) -> None:
        """Let go of what was not taken."""
        if lock := self.take_lock():
            lock.release()
