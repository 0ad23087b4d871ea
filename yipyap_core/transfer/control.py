"""What a transfer reports to whoever runs it, and how it is stopped.

A pair of a meter and a cancel token satisfies this. Every method is called from several threads
at once, often hundreds of times a second: an implementation does no input or output of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from yipyap_core.domain.connections import HostUse
from yipyap_core.domain.jobs import Phase


class TransferControl(Protocol):
    """The two directions between a transfer and its job: counters up, the wish to stop down.

    The bytes add up: `add_kept_bytes` and `add_bytes` together reach `plan.total_bytes` at the
    end, less what `restart_file` said was lost on the way. A blob that two names share is counted
    once.
    """

    def phase(self, phase: Phase) -> None:
        """TRANSFERRING, STALLED while nothing arrives, VERIFYING, COMMITTING."""

    def add_bytes(self, size_bytes: int) -> None:
        """So many more bytes came over the network and are written; they make the speed."""

    def add_kept_bytes(self, size_bytes: int) -> None:
        """So many bytes need no network: found on disk, or fetched by another program."""

    def add_fleeting_bytes(self, size_bytes: int) -> None:
        """So many of the counted bytes would be lost by a stop; negative: not any more."""

    def file_started(self, path: str) -> None:
        """Bytes of this file are expected next; with several at a time the newest counts."""

    def hashing(self, path: str, left_bytes: int) -> None:
        """All of the file is here, and so many of its bytes have still to be hashed."""

    def file_done(self, path: str, size_bytes: int, *, verified: bool) -> None:
        """The file is in the cache under its name; called once for each file of the plan.

        `verified` says that its hash was made and compared in this very run; a blob found in
        place comes with False, since only who keeps such records knows of earlier runs.
        """

    def restart_file(self, path: str, lost_bytes: int, reason: str) -> None:
        """So many counted bytes of the file have to be fetched again, and why."""

    def wait(self, seconds: float) -> object:
        """Sleep, but end at once on cancellation; what it returns is not looked at."""

    def raise_if_cancelled(self) -> None:
        """Raise the job's own exception when it is to stop; `run` lets it pass unchanged."""

    def on_cancel(self, callback: Callable[[], None]) -> object:
        """Call back once, from the thread that cancels; at once when it is cancelled already.

        Called once for a run. What it returns is not looked at.
        """

    def connections(self, look: Callable[[], tuple[HostUse, ...]]) -> None:
        """What this run has used so far can be read with `look`, at any time; called once."""

    def note(self, kind: str, message: str) -> None:
        """A line for the timeline: `retry`, `waiting_for_lock`, `lock_taken`, `connections`."""
