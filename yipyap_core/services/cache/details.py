"""Repositories read name by name, kept while the walk sees no change in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.clients.cache_detail import read_detail
from yipyap_core.clients.cache_walk import RepoScan
from yipyap_core.domain.cache import PartialFile
from yipyap_core.domain.deletion import RepoDetail

State = tuple[int, tuple[PartialFile, ...]]


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read, and the walk after which it was."""

    state: State
    detail: RepoDetail | None


class CacheDetails:
    """For suggestions only: a plan reads anew, for the walk does not see everything."""

    def __init__(self, cache_dir: Path) -> None:
        """Name the cache; nothing is read yet."""
        self._cache_dir = cache_dir
        self._known: dict[str, _Known] = {}

    def of(self, scans: Iterable[RepoScan]) -> list[RepoDetail]:
        """Read the repositories that changed since the last call; the others are forgotten.

        Those whose folders have gone or are links to another place are left out.
        """
        before = self._known
        now = {scan.repo.folder: self._of(scan, before.get(scan.repo.folder)) for scan in scans}
        self._known = now
        details = (known.detail for known in now.values())
        return [detail for detail in details if detail is not None and not detail.is_link]

    def _of(self, scan: RepoScan, before: _Known | None) -> _Known:
        state = (scan.scanned_ns, scan.repo.partials)
        if before is not None and before.state == state:
            return before
        return _Known(state, read_detail(self._cache_dir, scan.repo.folder))
