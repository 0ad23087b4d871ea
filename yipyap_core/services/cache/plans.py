"""Works out deletion plans from what the cache holds and from who needs what."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.clients import cache_locks, cache_shared
from yipyap_core.clients.cache_detail import read_detail
from yipyap_core.clients.cache_layout import SHARED_DIR
from yipyap_core.clients.hub_cache import CacheScan
from yipyap_core.domain.cache import CachedRepo
from yipyap_core.domain.deletion import (
    DeletionPlan,
    KeptItem,
    PlanItem,
    PlanKind,
    PlanRequest,
    RepoPlan,
    Selection,
    StoredFile,
)
from yipyap_core.domain.deletion_plan import freed_by_plan, item_of, plan_repo
from yipyap_core.errors import UnknownRepository
from yipyap_core.services.cache.links import held, outside_links, references
from yipyap_core.services.cache.usage import CacheUsage, files_of

BUSY = "another program is downloading it"
SHARED_REPO_ID = "shared blobs"
SHARED_REPO_TYPE = "shared"
SHARED_CHOICE = "shared"
"""Id of the suggestion that stands for shared contents that nothing links to."""

Chooser = Callable[[CacheScan, tuple[str, ...]], list[Selection]]
"""Turns the ids of suggestions into selections."""


@dataclass(slots=True)
class _Draft:
    """A plan while it is put together."""

    plans: list[RepoPlan]
    used: list[PlanItem]
    kept: list[KeptItem]


class CachePlanner:
    """Plans deletions; reads the cache, changes nothing."""

    def __init__(
        self, cache_dir: Path, usage: CacheUsage, clock: Callable[[], dt.datetime]
    ) -> None:
        """Plan for this cache; `choose_by` names who knows the suggestions."""
        self._cache_dir = cache_dir
        self._usage = usage
        self._clock = clock
        self._chooser: Chooser = _no_suggestions

    def choose_by(self, chooser: Chooser) -> None:
        """Ask `chooser` what the ids of suggestions stand for."""
        self._chooser = chooser

    def plan(self, request: PlanRequest, scan: CacheScan, *, purge: bool) -> DeletionPlan:
        """Work out what would go; raises `UnknownRepository` for a name that is not there."""
        draft = self._draft(request, scan)
        freed = freed_by_plan(draft.plans, references(self._cache_dir, draft.plans))
        items = [item_of(plan, size) for plan, size in zip(draft.plans, freed, strict=True)]
        return DeletionPlan(
            plan_id=secrets.token_hex(16),
            request=request,
            created_at=self._clock(),
            purge=purge,
            items=tuple([*(item for item in items if item.moves), *draft.used]),
            kept=tuple(draft.kept),
        )

    def needed(self, folders: Iterable[str]) -> dict[str, str]:
        """Which of the folders have to stay at this moment, with the reason."""
        used_by = self._usage.used_by()
        busy = dict.fromkeys(self._busy(folders), BUSY)
        return busy | {folder: "; ".join(used_by[folder]) for folder in used_by}

    def _draft(self, request: PlanRequest, scan: CacheScan) -> _Draft:
        used_by = self._usage.used_by()
        selections = self._selections(request, scan)
        draft = _Draft([], [], [])
        busy = self._busy(one.folder for one in selections)
        leaving = {one.folder for one in selections if one.whole} - used_by.keys() - busy
        stays = held(outside_links(self._cache_dir, scan), leaving)
        for selection in selections:
            folder = selection.folder
            repo = scan.repos[folder].repo
            if folder in used_by:
                _keep_used(draft, repo, used_by[folder])
                continue
            if folder in busy:
                selection = self._beside_a_download(draft, repo, selection)
            self._add(draft, repo, selection, stays[folder])
        if (
            request.kind in {PlanKind.EVERYTHING, PlanKind.PRUNE}
            or SHARED_CHOICE in request.choices
        ):
            self._add_shared(draft)
        return draft

    def _add(
        self, draft: _Draft, repo: CachedRepo, selection: Selection, held: frozenset[str]
    ) -> None:
        detail = read_detail(self._cache_dir, repo.folder)
        if detail is None:
            return
        if detail.is_link:
            _keep(draft, repo, "its folder is a link to another place; remove it there by hand")
            return
        draft.plans.append(plan_repo(detail, selection, held))

    def _beside_a_download(
        self, draft: _Draft, repo: CachedRepo, selection: Selection
    ) -> Selection:
        """Leave only what the program that downloads cannot need: partial files nobody writes."""
        dead = (path for path in selection.partials if not self._is_live(repo.folder, path))
        wanted = Selection(repo.folder, partials=frozenset(dead))
        if wanted != selection:
            _keep(draft, repo, BUSY)
        return wanted

    def _busy(self, folders: Iterable[str]) -> set[str]:
        return {one for one in folders if cache_locks.is_busy(self._cache_dir, one)}

    def _is_live(self, folder: str, partial: str) -> bool:
        return cache_locks.is_being_written(self._cache_dir, folder, partial.rpartition("/")[2])

    def _add_shared(self, draft: _Draft) -> None:
        """Take along payloads of the shared store that no blob links to any more."""
        found = cache_shared.unreferenced(self._cache_dir)
        if not found:
            return
        files = []
        for payload, size in found.items():
            status = (self._cache_dir / payload).stat()
            inode = (status.st_dev, status.st_ino)
            path = payload.removeprefix(f"{SHARED_DIR}/")
            files.append(StoredFile(path, size, inode, status.st_nlink))
        moves = tuple(file.path for file in files)
        draft.plans.append(
            RepoPlan(SHARED_DIR, SHARED_REPO_ID, SHARED_REPO_TYPE, moves, (), tuple(files), ())
        )

    def _selections(self, request: PlanRequest, scan: CacheScan) -> list[Selection]:
        if request.kind is PlanKind.EVERYTHING:
            return [Selection(folder, whole=True) for folder in scan.repos]
        if request.kind is PlanKind.PRUNE:
            return list(self.prunable(scan))
        if request.kind is PlanKind.RECLAIM:
            return self._chooser(scan, request.choices)
        if request.kind is PlanKind.MODEL:
            return self._of_model(scan, request.choices[0])
        folder = request.folder or ""
        if folder not in scan.repos:
            raise UnknownRepository("The cache holds no such repository.")
        if request.kind is PlanKind.REPOSITORY:
            return [Selection(folder, whole=True)]
        commit = find_revision(scan.repos[folder].repo, request.commit or "")
        return [Selection(folder, commits=frozenset({commit}))]

    def prunable(self, scan: CacheScan) -> Iterable[Selection]:
        """Partial files and detached revisions, but those that a registered model names."""
        pinned = self._usage.pinned()
        for folder, found in scan.repos.items():
            commits = {one.commit for one in found.repo.detached}
            loose = frozenset(commit for commit in commits if (folder, commit) not in pinned)
            partials = frozenset(f"blobs/{partial.name}" for partial in found.repo.partials)
            if loose or partials:
                yield Selection(folder, commits=loose, partials=partials)

    def _of_model(self, scan: CacheScan, model_id: str) -> list[Selection]:
        """The files of a model; the whole repository where no other model comes from it."""
        spec = self._usage.model(model_id)
        folder = spec.repo.folder_name
        detail = read_detail(self._cache_dir, folder) if folder in scan.repos else None
        if detail is None:
            return []
        if not self._usage.is_shared(spec):
            return [Selection(folder, whole=True)]
        names = {entry.path for one in detail.revisions for entry in one.entries}
        own = files_of(spec, names) - self._usage.wanted_names(folder, names, but=spec.id)
        pairs = ((one.commit, entry.path) for one in detail.revisions for entry in one.entries)
        return [Selection(folder, entries=frozenset(pair for pair in pairs if pair[1] in own))]


def find_revision(repo: CachedRepo, name: str) -> str:
    """Find a revision by commit, ref or the beginning of its commit.

    Raises `UnknownRepository` when none or several match.
    """
    commits = [one.commit for one in repo.revisions]
    if name in commits:
        return name
    by_ref = [one.commit for one in repo.revisions if name in one.refs]
    by_prefix = [commit for commit in commits if len(name) >= 7 and commit.startswith(name)]
    found = by_ref or by_prefix
    if len(found) != 1:
        raise UnknownRepository(f"{repo.repo_id} has no revision {name[:60]!r} in the cache.")
    return found[0]


def _keep_used(draft: _Draft, repo: CachedRepo, phrases: tuple[str, ...]) -> None:
    draft.used.append(
        PlanItem(
            folder=repo.folder,
            repo_id=repo.repo_id,
            repo_type=repo.repo_type,
            revisions=(),
            files=0,
            bytes=0,
            in_use=True,
            used_by=phrases,
        )
    )
    _keep(draft, repo, "; ".join(phrases))


def _keep(draft: _Draft, repo: CachedRepo, reason: str) -> None:
    draft.kept.append(KeptItem(repo.folder, repo.repo_id, repo.repo_type, reason))


def _no_suggestions(scan: CacheScan, ids: tuple[str, ...]) -> list[Selection]:  # noqa: ARG001
    return []
