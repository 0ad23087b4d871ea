"""One word for what many threads are busy with."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from yipyap_core.domain.jobs import Phase
from yipyap_core.transfer.control import TransferControl


class PhaseBoard:
    """Sums up the threads of a run: it is verifying only when nobody transfers any more."""

    def __init__(self, control: TransferControl) -> None:
        """Report nothing yet."""
        self._control = control
        self._lock = threading.Lock()
        self._transferring = 0
        self._verifying = 0
        self._quiet = False
        self._shown: Phase | None = None

    @contextlib.contextmanager
    def transferring(self) -> Iterator[None]:
        """The block moves bytes over the network."""
        self._change(transferring=1)
        try:
            yield
        finally:
            self._change(transferring=-1)

    @contextlib.contextmanager
    def verifying(self) -> Iterator[None]:
        """The block only hashes."""
        self._change(verifying=1)
        try:
            yield
        finally:
            self._change(verifying=-1)

    def quiet(self, quiet: bool) -> None:
        """Told by the watch when nothing arrives on any line, and when something does again."""
        self._quiet = quiet
        self._change()

    def show(self, phase: Phase) -> None:
        """Report a phase of the run as a whole."""
        with self._lock:
            self._shown = phase
        self._control.phase(phase)

    def _change(self, *, transferring: int = 0, verifying: int = 0) -> None:
        with self._lock:
            self._transferring += transferring
            self._verifying += verifying
            phase = self._present()
            if phase is self._shown or phase is None:
                return
            self._shown = phase
        self._control.phase(phase)

    def _present(self) -> Phase | None:
        if self._transferring:
            return Phase.STALLED if self._quiet else Phase.TRANSFERRING
        return Phase.VERIFYING if self._verifying else None
