"""Room on the cache's volume, shared out before the first byte."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from yipyap_core.domain.jobs import FETCHES_FROM_THE_HUB, Job, JobState
from yipyap_core.errors import InsufficientStorage
from yipyap_core.stores.jobs import JobStore

CRITICAL_BYTES = 64 << 20
"""With less free than this (and less than the reserve) what runs is stopped: the store and the
rest of the machine need to write too."""

Fresh = Callable[[Job], Job]
"""Completes a stored job with what its meter says at this moment."""

MakeRoom = Callable[[int], int]
"""Frees so many bytes if it can; returns how many it freed."""


class SpaceBook:
    """Knows what queued and running downloads and repairs need, and what may be promised."""

    def __init__(
        self,
        *,
        store: JobStore,
        cache_dir: Path,
        reserve_bytes: int,
        free_bytes: Callable[[Path], int],
    ) -> None:
        """`free_bytes` asks the volume of a folder; `reserve_bytes` always stay free."""
        self._store = store
        self._cache_dir = cache_dir
        self._reserve_bytes = reserve_bytes
        self._free_bytes = free_bytes
        self._fresh: Fresh = _as_stored
        self._make_room: MakeRoom = _nothing_to_purge
        self._lock = threading.Lock()

    def use_meters(self, fresh: Fresh) -> None:
        """Count what running jobs have by their meters, not by the last write to the store."""
        self._fresh = fresh

    def use_trash(self, make_room: MakeRoom) -> None:
        """Purge what was deleted before anything is refused for want of room."""
        self._make_room = make_room

    def reserve(self, job: Job, needed_bytes: int) -> None:
        """Promise room to a job for as long as it lives; raises `InsufficientStorage`."""
        with self._lock:
            self.check(needed_bytes, but=job.id)
            self._store.save_payload(job.id, {"needs_space": True})

    def check(self, needed_bytes: int, *, but: str | None = None) -> None:
        """Raise `InsufficientStorage` when so much does not fit beside what is promised."""
        available = self.available_bytes(but=but)
        if needed_bytes > max(available, 0) and self._make_room(needed_bytes - available):
            available = self.available_bytes(but=but)
        if needed_bytes > max(available, 0):
            raise InsufficientStorage(needed_bytes=needed_bytes, free_bytes=max(available, 0))

    def available_bytes(self, *, but: str | None = None) -> int:
        """Free bytes less the reserve and less what other jobs were promised; may be negative."""
        free = self._free_bytes(self._cache_dir) - self._reserve_bytes
        return free - sum(self._outstanding(job) for job in self._promised() if job.id != but)

    def fits(self, job: Job) -> bool:
        """Whether what a waiting job still needs would fit now."""
        return self._outstanding(job) <= self.available_bytes(but=job.id)

    def is_critical(self) -> bool:
        """Whether the volume is so full that nothing should write on."""
        least = min(CRITICAL_BYTES, self._reserve_bytes)
        missing = least - self._free_bytes(self._cache_dir)
        if missing > 0:
            missing -= self._make_room(missing)
        return missing > 0

    def _promised(self) -> list[Job]:
        return [
            job
            for job in self._store.live()
            if job.kind in FETCHES_FROM_THE_HUB
            and job.state is not JobState.PAUSED
            and job.payload.get("needs_space")
        ]

    def _outstanding(self, job: Job) -> int:
        progress = self._fresh(job).progress
        return max(0, progress.bytes_total - progress.bytes_done)


def _nothing_to_purge(missing_bytes: int) -> int:  # noqa: ARG001
    return 0


def _as_stored(job: Job) -> Job:
    return job
