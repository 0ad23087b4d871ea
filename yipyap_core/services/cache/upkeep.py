"""Keeps the trash in order: finishes what a kill cut short, purges what is old or in the way."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from yipyap_core.clients.cache_trash import CacheTrash
from yipyap_core.clients.hub_cache import HubCache
from yipyap_core.domain.trash import TrashEntry, TrashState

log = logging.getLogger(__name__)


class CacheUpkeep:
    """Runs at the start of the server and every few minutes after."""

    def __init__(
        self,
        *,
        cache: HubCache,
        trash: CacheTrash,
        trash_days: float,
        reserve_bytes: int,
        clock: Callable[[], dt.datetime],
    ) -> None:
        """Keep entries for `trash_days`, but never let free space fall below the reserve."""
        self._cache = cache
        self._trash = trash
        self._age = dt.timedelta(days=trash_days)
        self._reserve_bytes = reserve_bytes
        self._clock = clock

    def run(self) -> int:
        """Do what is due; returns the bytes that the volume gained."""
        if not self._trash.entries():
            return 0
        with self._trash.exclusive():
            freed = sum(self._finish(entry) for entry in self._trash.entries())
            horizon = self._clock() - self._age
            old = [one for one in self._trash.entries() if one.created_at <= horizon]
            freed += sum(self._purge(entry, "its time is over") for entry in old)
        return freed + self.make_room()

    def make_room(self, needed_bytes: int = 0) -> int:
        """Purge the oldest entries until `needed_bytes` and the reserve are free.

        Returns what the volume gained; 0 when there was room, or nothing to purge.
        """
        freed = 0
        if self._has_room(needed_bytes) or not self._trash.entries():
            return freed
        with self._trash.exclusive():
            for entry in reversed(self._trash.entries()):
                if self._has_room(needed_bytes):
                    break
                freed += self._purge(entry, "the volume needs the room")
        return freed

    def give_way(self, missing_bytes: int) -> int:
        """Purge the oldest entries for a download that lacks so much, if that is enough for it.

        Returns what the volume gained; 0 when the whole trash would not do.
        """
        entries = self._trash.entries()
        if sum(entry.bytes for entry in entries) < missing_bytes:
            return 0
        freed = 0
        with self._trash.exclusive():
            for entry in reversed(self._trash.entries()):
                if freed >= missing_bytes:
                    break
                freed += self._purge(entry, "a download needs the room")
        return freed

    def _has_room(self, needed_bytes: int) -> bool:
        disk = self._cache.disk()
        return disk is None or disk.free_bytes >= needed_bytes + self._reserve_bytes

    def _finish(self, entry: TrashEntry) -> int:
        """End what the end of a server interrupted."""
        if entry.state is TrashState.PURGING:
            return self._purge(entry, "a purge had been cut short")
        if entry.state is TrashState.RESTORING:
            self._trash.restore(entry)
        elif entry.state is TrashState.FILLING:
            self._trash.close_entry(entry)
        return 0

    def _purge(self, entry: TrashEntry, why: str) -> int:
        freed = self._trash.purge(entry)
        log.info("purged %s from the trash (%d bytes): %s", entry.names, freed, why)
        return freed
