"""Finds what is safe to remove from the cache and ranks it, safest first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
from yipyap_core.services.cache.details import CacheDetails
from yipyap_core.services.cache.links import OutsideLink, held, outside_links, references
from yipyap_core.services.cache.plans import SHARED_CHOICE, SHARED_REPO_ID, SHARED_REPO_TYPE
from yipyap_core.services.cache.usage import CacheUsage

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


@dataclass(frozen=True, slots=True)
class _Needs:
    """Who needs what at one moment, asked once for all repositories."""

    registered: Collection[str]
    """Folders that registered models come from."""
    pinned: Collection[tuple[str, str]]
    last_used: Mapping[str, dt.datetime]


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
        self._details = CacheDetails(cache_dir)
        self._usage = usage
        self._clock = clock

    def suggestions(
        self, scan: CacheScan, unused_days: int = UNUSED_DAYS
    ) -> tuple[Suggestion, ...]:
        """Everything that may go, safest first, the largest first of each kind."""
        used, needs = self._usage.used_by(), self._needs()
        links = outside_links(self._cache_dir, scan)
        free = (one for folder, one in scan.repos.items() if folder not in used)
        found = list(self._shared())
        for detail in self._details.of(free):
            repo = scan.repos[detail.folder].repo
            for find in self._safe(list(self._finds(repo, detail, needs, unused_days))):
                in_registry = repo.folder in needs.registered
                found.append(_measure(self._cache_dir, detail, find, links, in_registry))
        with_gain = (suggestion for suggestion in found if suggestion.bytes)
        return tuple(sorted(with_gain, key=lambda one: (one.kind.rank, -one.bytes, one.id)))

    def choose(
        self, scan: CacheScan, ids: tuple[str, ...], unused_days: int = 0
    ) -> list[Selection]:
        """Turn ids of suggestions into selections, joined for each repository."""
        wanted, needs = set(ids), self._needs()
        selections: dict[str, Selection] = {}
        for folder in sorted({_folder_of(one) for one in wanted} & scan.repos.keys()):
            detail = read_detail(self._cache_dir, folder)
            if detail is None:
                continue
            for find in self._finds(scan.repos[folder].repo, detail, needs, unused_days):
                if find.id in wanted:
                    before = selections.get(folder, Selection(folder))
                    selections[folder] = before | find.selection
        return list(selections.values())

    def _needs(self) -> _Needs:
        usage = self._usage
        return _Needs(usage.registry_ids().keys(), usage.pinned(), usage.last_used())

    def _finds(
        self, repo: CachedRepo, detail: RepoDetail, needs: _Needs, unused_days: int
    ) -> Iterator[_Find]:
        folder = detail.folder
        partials = frozenset(path for path in detail.partials if not self._is_live(folder, path))
        if partials:
            words = "Unfinished files that no download is writing."
            yield _Find(ReclaimKind.PARTIAL, Selection(folder, partials=partials), words)
        if detail.unreferenced:
            words = "Contents that no revision links to."
            yield _Find(ReclaimKind.UNREFERENCED, Selection(folder, unreferenced=True), words)
        yield from _detached(repo, needs)
        yield from self._twins(detail, needs)
        yield from self._unused(repo, needs, unused_days)

    def _safe(self, finds: list[_Find]) -> list[_Find]:
        """Leave out what a running download may need, partial files apart."""
        if finds and cache_locks.is_busy(self._cache_dir, finds[0].selection.folder):
            return [find for find in finds if find.kind is ReclaimKind.PARTIAL]
        return finds

    def _twins(self, detail: RepoDetail, needs: _Needs) -> Iterator[_Find]:
        folder, wanted = detail.folder, set[str]()
        is_registered = folder in needs.registered
        if is_registered:
            names = {entry.path for revision in detail.revisions for entry in revision.entries}
            wanted = self._usage.wanted_names(folder, names)
        entries = frozenset(
            (revision.commit, name)
            for revision in detail.revisions
            if not (is_registered and revision.listing)  # it shows that the model is complete
            for name in pickle_twins(entry.path for entry in revision.entries if entry.stored)
            if name not in wanted
        )
        if entries:
            words = "Pickle files whose weights are there as safetensors too."
            listings = frozenset(commit for commit, _ in entries)
            selection = Selection(folder, entries=entries, listings=listings)
            yield _Find(ReclaimKind.PICKLE_TWIN, selection, words)

    def _unused(self, repo: CachedRepo, needs: _Needs, unused_days: int) -> Iterator[_Find]:
        used = needs.last_used.get(repo.folder)
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


def _detached(repo: CachedRepo, needs: _Needs) -> Iterator[_Find]:
    for revision in repo.detached:
        if (repo.folder, revision.commit) not in needs.pinned:
            selection = Selection(repo.folder, commits=frozenset({revision.commit}))
            words = f"No branch or tag points to revision {revision.commit[:12]} any more."
            yield _Find(ReclaimKind.DETACHED, selection, words, revision.commit)


def _measure(
    cache_dir: Path,
    detail: RepoDetail,
    find: _Find,
    links: Iterable[OutsideLink],
    in_registry: bool,
) -> Suggestion:
    leaving = {detail.folder} if find.selection.whole else ()
    plan = plan_repo(detail, find.selection, held(links, leaving)[detail.folder])
    return Suggestion(
        id=find.id,
        kind=find.kind,
        folder=detail.folder,
        repo_id=detail.repo_id,
        repo_type=detail.repo_type,
        reason=find.reason,
        bytes=freed_by_plan([plan], references(cache_dir, [plan]))[0],
        files=len(plan.freed),
        commit=find.commit,
        in_registry=in_registry,
    )


def _folder_of(suggestion_id: str) -> str:
    parts = suggestion_id.split(":")
    return parts[1] if len(parts) > 1 else ""
