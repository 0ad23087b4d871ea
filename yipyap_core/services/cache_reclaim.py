"""Finds what is safe to remove from the cache and ranks it, safest first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.clients import cache_locks, cache_shared
from yipyap_core.clients.cache_detail import read_detail
from yipyap_core.clients.cache_layout import SHARED_DIR
from yipyap_core.clients.hub_cache import CacheScan
from yipyap_core.domain.cache import CachedRepo
from yipyap_core.domain.deletion import RepoDetail, Selection
from yipyap_core.domain.deletion_plan import freed_by_plan, plan_repo
from yipyap_core.domain.reclaim import ReclaimKind, Suggestion, pickle_twins
from yipyap_core.services.cache_plans import SHARED_CHOICE, SHARED_REPO_ID, SHARED_REPO_TYPE
from yipyap_core.services.cache_usage import CacheUsage

UNUSED_DAYS = 60


@dataclass(frozen=True, slots=True)
class _Find:
    """A suggestion before it is measured."""

    kind: ReclaimKind
    selection: Selection
    reason: str
    commit: str | None = None

    @property
    def id(self) -> str:
        """Stable while the same thing is there."""
        parts = [self.kind.value, self.selection.folder, self.commit or ""]
        return ":".join(part for part in parts if part)


class CacheReclaim:
    """Looks for what nobody needs; what is in use is never suggested."""

    def __init__(
        self,
        *,
        cache_dir: Path,
        usage: CacheUsage,
        clock: Callable[[], dt.datetime],
    ) -> None:
        """Ask `usage` who needs what."""
        self._cache_dir = cache_dir
        self._usage = usage
        self._clock = clock

    def suggestions(
        self, scan: CacheScan, unused_days: int = UNUSED_DAYS
    ) -> tuple[Suggestion, ...]:
        """Everything that may go, safest first, the largest first of each kind."""
        used = self._usage.used_by()
        registered = self._usage.registry_ids()
        found = list(self._shared())
        for folder, one in scan.repos.items():
            detail = None if folder in used else read_detail(self._cache_dir, folder)
            if detail is not None and not detail.is_link:
                finds = self._safe(self._finds(one.repo, detail, unused_days))
                measured = (_measure(detail, find, folder in registered) for find in finds)
                found += [suggestion for suggestion in measured if suggestion.bytes]
        return tuple(sorted(found, key=lambda one: (one.kind.rank, -one.bytes, one.id)))

    def choose(
        self, scan: CacheScan, ids: tuple[str, ...], unused_days: int = 0
    ) -> list[Selection]:
        """Turn ids of suggestions into selections, joined for each repository."""
        wanted = set(ids)
        selections: dict[str, Selection] = {}
        for folder in sorted({_folder_of(one) for one in wanted} & scan.repos.keys()):
            detail = read_detail(self._cache_dir, folder)
            if detail is None:
                continue
            for find in self._finds(scan.repos[folder].repo, detail, unused_days):
                if find.id in wanted:
                    before = selections.get(folder, Selection(folder))
                    selections[folder] = before | find.selection
        return list(selections.values())

    def _finds(self, repo: CachedRepo, detail: RepoDetail, unused_days: int) -> Iterator[_Find]:
        folder = detail.folder
        partials = frozenset(path for path in detail.partials if not self._is_live(folder, path))
        if partials:
            words = "Unfinished files that no download is writing."
            yield _Find(ReclaimKind.PARTIAL, Selection(folder, partials=partials), words)
        if detail.unreferenced:
            words = "Contents that no revision links to."
            yield _Find(ReclaimKind.UNREFERENCED, Selection(folder, unreferenced=True), words)
        yield from self._detached(repo)
        yield from self._twins(detail)
        yield from self._unused(repo, unused_days)

    def _safe(self, finds: Iterable[_Find]) -> Iterator[_Find]:
        """Leave out what a running download may need, partial files apart."""
        for find in finds:
            is_partial = find.kind is ReclaimKind.PARTIAL
            if is_partial or not cache_locks.is_busy(self._cache_dir, find.selection.folder):
                yield find

    def _detached(self, repo: CachedRepo) -> Iterator[_Find]:
        pinned = self._usage.pinned()
        for revision in repo.detached:
            if (repo.folder, revision.commit) not in pinned:
                selection = Selection(repo.folder, commits=frozenset({revision.commit}))
                words = f"No branch or tag points to revision {revision.commit[:12]} any more."
                yield _Find(ReclaimKind.DETACHED, selection, words, revision.commit)

    def _twins(self, detail: RepoDetail) -> Iterator[_Find]:
        names = {entry.path for revision in detail.revisions for entry in revision.entries}
        wanted = self._usage.wanted_names(detail.folder, names)
        entries = frozenset(
            (revision.commit, name)
            for revision in detail.revisions
            for name in pickle_twins(entry.path for entry in revision.entries if entry.stored)
            if name not in wanted
        )
        if entries:
            words = "Pickle files whose weights are there as safetensors too."
            yield _Find(ReclaimKind.PICKLE_TWIN, Selection(detail.folder, entries=entries), words)

    def _unused(self, repo: CachedRepo, unused_days: int) -> Iterator[_Find]:
        used = self._usage.last_used().get(repo.folder)
        seen = used or repo.last_accessed
        days = (self._clock() - seen).days
        if days >= unused_days and repo.revisions:
            record = "by our own record" if used else "by its access times"
            words = f"Not used for {days} days, {record}."
            yield _Find(ReclaimKind.UNUSED, Selection(repo.folder, whole=True), words)

    def _shared(self) -> Iterator[Suggestion]:
        payloads = cache_shared.unreferenced(self._cache_dir)
        if payloads:
            yield Suggestion(
                id=SHARED_CHOICE,
                kind=ReclaimKind.SHARED,
                folder=SHARED_DIR,
                repo_id=SHARED_REPO_ID,
                repo_type=SHARED_REPO_TYPE,
                reason="Shared contents that no repository links to any more.",
                bytes=sum(payloads.values()),
                files=len(payloads),
            )

    def _is_live(self, folder: str, partial: str) -> bool:
        return cache_locks.is_being_written(self._cache_dir, folder, partial.rpartition("/")[2])


def _measure(detail: RepoDetail, find: _Find, in_registry: bool) -> Suggestion:
    plan = plan_repo(detail, find.selection)
    return Suggestion(
        id=find.id,
        kind=find.kind,
        folder=detail.folder,
        repo_id=detail.repo_id,
        repo_type=detail.repo_type,
        reason=find.reason,
        bytes=freed_by_plan([plan], {})[0],
        files=len(plan.freed),
        commit=find.commit,
        in_registry=in_registry,
    )


def _folder_of(suggestion_id: str) -> str:
    parts = suggestion_id.split(":")
    return parts[1] if len(parts) > 1 else ""
