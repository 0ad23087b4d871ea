"""What runs beside the downloads of models, counted for the line at the top of every page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from yipyap_core.domain.download_queue import OtherWork
from yipyap_core.domain.jobs import Job, JobKind
from yipyap_core.jobs.clock import Clock

MOVES_BYTES = frozenset({JobKind.OLLAMA_PULL, JobKind.CACHE_REPAIR})
REREAD_SECONDS = 1.0
"""How old the list of live jobs may be: other processes change it too."""


@dataclass(slots=True)
class BackgroundWork:
    """Counts live jobs of other kinds; the store is asked once a second, whoever looks."""

    live: Callable[[], tuple[Job, ...]]
    """All live jobs of the store."""
    view: Callable[[Job], Job]
    """Completes a stored job with what its meter says."""
    clock: Clock
    _jobs: tuple[Job, ...] = ()
    _read_at: float = float("-inf")

    def touch(self) -> None:
        """Read anew next time."""
        self._read_at = float("-inf")

    def now(self) -> OtherWork:
        """What there is at this moment."""
        now = self.clock.monotonic()
        if now - self._read_at >= REREAD_SECONDS:
            self._read_at = now  # before reading: a change meanwhile is seen next time
            self._jobs = self.live()
        kinds = Counter(job.kind for job in self._jobs)
        moving = [self.view(job).progress for job in self._jobs if job.kind in MOVES_BYTES]
        return OtherWork(
            pulls=kinds[JobKind.OLLAMA_PULL],
            checks=kinds[JobKind.CACHE_VERIFY],
            repairs=kinds[JobKind.CACHE_REPAIR],
            speed_bps=sum(one.speed_bps for one in moving),
            left_bytes=sum(max(0, one.bytes_total - one.bytes_done) for one in moving),
        )
