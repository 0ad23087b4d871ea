"""One walker of the cache, many readers: joins concurrent looks and remembers the last result."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from yipyap_core.clients.cache_memory import from_json, to_json
from yipyap_core.clients.hub_cache import EMPTY, CacheScan, HubCache
from yipyap_core.stores.cache import CacheScanStore

FULL_EVERY_SECONDS = 900.0
"""Folder stamps are not dependable on every network mount, and access times leave none."""
SAVE_EVERY_SECONDS = 10.0


class CacheWatch:
    """Looks at the cache on request; a look never answers with what is older than its call."""

    def __init__(
        self,
        cache: HubCache,
        store: CacheScanStore,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read nothing yet; the kept walk is loaded by the first look."""
        self._cache = cache
        self._store = store
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._latest: CacheScan | None = None
        self._is_stale = False
        self._started = 0
        self._finished = 0
        self._running = False
        self._full_at = monotonic()
        self._saved_at: float | None = None
        self._generation = 0

    @property
    def generation(self) -> int:
        """Moves whenever a look found something new."""
        return self._generation

    def expect_change(self) -> None:
        """Hear that something has come or gone: the next `latest` looks."""
        self._is_stale = True

    def latest(self) -> CacheScan:
        """The last walk, after a restart the kept one; looks where there is none or it is stale."""
        known = None if self._is_stale else self._remembered()
        return known or self.look()

    def look(self, *, full: bool = False) -> CacheScan:
        """Walk the cache, or join a walk that began after this call."""
        with self._changed:
            wanted = self._started + 1
            while self._running:
                self._changed.wait()
                if self._finished >= wanted and not full and self._latest is not None:
                    return self._latest
            self._running = True
            self._started += 1
            self._is_stale = False
        scan = None
        try:
            scan = self._walk(full=full)
        finally:
            with self._changed:
                self._running = False
                if scan is not None:
                    self._finished, self._latest = self._started, scan
                self._changed.notify_all()
        return scan

    def _walk(self, *, full: bool) -> CacheScan:
        now = self._monotonic()
        full = full or now - self._full_at > FULL_EVERY_SECONDS
        before = self._remembered() or EMPTY
        scan = self._cache.scan(before, full=full)
        if full:
            self._full_at = now
        if scan.reread or scan.repos.keys() != before.repos.keys():
            self._generation += 1
            self._save(scan, now)
        return scan

    def _remembered(self) -> CacheScan | None:
        if self._latest is None:
            kept = self._store.load(str(self._cache.cache_dir))
            self._latest = from_json(kept) if kept else None
        return self._latest

    def _save(self, scan: CacheScan, now: float) -> None:
        """Keep the walk, not at every change: what is not kept is only read again."""
        if self._saved_at is None or now - self._saved_at >= SAVE_EVERY_SECONDS:
            self._saved_at = now
            self._store.save(str(self._cache.cache_dir), scan.scanned_at, to_json(scan))
