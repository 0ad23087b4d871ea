"""What the cache holds of each model, looked at again only where a folder's stamp has moved."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from yipyap_core.domain.downloads import DownloadPlan, make_plan
from yipyap_core.domain.models import ModelSpec
from yipyap_core.domain.verified import BlobStamp
from yipyap_core.errors import UnsafePath
from yipyap_core.stores.verified import VerifiedStore
from yipyap_core.transfer import Presence, present, stored_commit, stored_listing
from yipyap_core.transfer.layout import COMMIT, RECORD_SUFFIX, Layout

Stamp = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Holding:
    """A model as the cache has it at one moment."""

    plan: DownloadPlan | None = None
    """None: no listing of the commit lies in the cache."""
    presence: Presence | None = None
    verified: bool = False
    """Every blob of the plan was hashed by us and looks as it did then."""
    total_bytes: int = 0
    """Of the plan; kept here since a plan may have ten thousand files."""

    @property
    def is_complete(self) -> bool:
        """Whether every file of the plan is in its place with its size."""
        return self.presence is not None and self.presence.complete

    @property
    def resumable_bytes(self) -> int:
        """What a start would not fetch again."""
        if self.presence is None:
            return 0
        return self.presence.kept_bytes + self.presence.partial_bytes


@dataclass(slots=True)
class _Look:
    """The last look at one model, and what it looked at."""

    wishes: tuple[object, ...]
    stamps: tuple[Stamp, ...]
    watched: tuple[Path, ...]
    holding: Holding
    repo_folder: str


@dataclass(slots=True)
class _Tree:
    """A parsed listing, kept while its file does not change: listings can be large."""

    stamp: Stamp
    patterns: tuple[object, ...]
    plan: DownloadPlan | None = field(default=None)


class CachePresence:
    """Answers for any number of models at the cost of a few `stat` calls each."""

    def __init__(
        self,
        cache_dir: Path,
        verified: VerifiedStore,
        recorded_commit: Callable[[str], str | None] = lambda model_id: None,  # noqa: ARG005
    ) -> None:
        """`recorded_commit` names the commit of a model's last job, for when no ref does."""
        self._cache_dir = cache_dir
        self._verified = verified
        self._recorded_commit = recorded_commit
        self._lock = threading.Lock()
        self._generation = 0
        self._drops = 0  # a look that one of them overtook may be from before the change
        self._looks: dict[str, _Look] = {}
        self._trees: dict[tuple[str, str], _Tree] = {}

    def of(self, spec: ModelSpec) -> Holding:
        """Say what there is of a model now."""
        recorded = self._recorded_commit(spec.id)
        wishes = (spec.repo, spec.allow_patterns, spec.ignore_patterns, recorded)
        before = self._looks.get(spec.id)
        if before is not None and before.wishes == wishes and _same(before):
            return before.holding
        drops = self._drops
        look = self._look(spec, wishes, recorded)
        with self._lock:
            self._generation += before is None or before.holding != look.holding
            if drops == self._drops:
                self._looks[spec.id] = look
        return look.holding

    def look_at(self, specs: Iterable[ModelSpec]) -> None:
        """Have `generation` know of what has happened to these models since they were looked at."""
        for spec in specs:
            self.of(spec)

    @property
    def generation(self) -> int:
        """Moves when any model was found otherwise than before, whoever looked."""
        return self._generation

    def forget(self) -> None:
        """Look at everything anew next time."""
        with self._lock:
            self._drops += 1
            self._looks.clear()
            self._trees.clear()

    def drop(self, repo_folder: str) -> None:
        """Look anew at every model of a repository: a job there has moved."""
        with self._lock:
            self._drops += 1
            kept = {
                model_id: look
                for model_id, look in self._looks.items()
                if look.repo_folder != repo_folder
            }
            self._looks = kept

    def plan_of(self, spec: ModelSpec) -> DownloadPlan | None:
        """The plan by the listing in the cache; None when there is none."""
        return self.of(spec).plan

    def _look(self, spec: ModelSpec, wishes: tuple[object, ...], recorded: str | None) -> _Look:
        ref = self._cache_dir / spec.repo.folder_name / "refs" / spec.revision
        watched: list[Path] = [ref]
        stamps: list[Stamp] = [_stamp(ref)]
        best = Holding()
        for commit in _candidates(spec, self._cache_dir, recorded):
            layout = Layout(self._cache_dir, spec.repo, commit)
            plan = self._plan(spec, layout)
            places = [layout.tree, layout.blobs, *_name_folders(layout, plan), *_records(layout)]
            watched += places
            stamps += [_stamp(place) for place in places]  # before looking: a change is seen
            holding = self._holding(plan)
            if holding.is_complete or best.plan is None:
                best = holding
            if holding.is_complete:
                break
        return _Look(wishes, tuple(stamps), tuple(watched), best, spec.repo.folder_name)

    def _plan(self, spec: ModelSpec, layout: Layout) -> DownloadPlan | None:
        key = (spec.id, layout.commit)
        stamp = _stamp(layout.tree)
        patterns = (spec.repo, spec.allow_patterns, spec.ignore_patterns)
        known = self._trees.get(key)
        if known is None or known.stamp != stamp or known.patterns != patterns:
            known = _Tree(stamp, patterns, self._read_plan(spec, layout.commit) if stamp else None)
            with self._lock:
                self._trees[key] = known
        return known.plan

    def _read_plan(self, spec: ModelSpec, commit: str) -> DownloadPlan | None:
        snapshot = stored_listing(self._cache_dir, spec.repo, commit)
        if snapshot is None:
            return None
        return make_plan(snapshot, spec.allow_patterns, spec.ignore_patterns)

    def _holding(self, plan: DownloadPlan | None) -> Holding:
        if plan is None or not plan.files:
            return Holding(plan)
        presence = present(plan, self._cache_dir)
        verified = presence.complete and self._is_verified(plan)
        return Holding(plan, presence, verified, plan.total_bytes)

    def _is_verified(self, plan: DownloadPlan) -> bool:
        known = self._verified.of_folder(plan.repo.folder_name)
        if not known:
            return False
        return all(stamp in known for stamp in blob_stamps(plan, self._cache_dir))


def blob_stamps(plan: DownloadPlan, cache_dir: Path) -> list[BlobStamp | None]:
    """How each file's content looks now, found by its name; None where there is none."""
    layout = Layout(cache_dir, plan.repo, plan.commit)
    return [stamp_of(layout.pointer(file), plan.repo.folder_name, file.etag) for file in plan.files]


def stamp_of(path: Path, folder: str, etag: str) -> BlobStamp | None:
    """How the content under a name looks now, links followed."""
    try:
        found = path.stat()
    except OSError:
        return None
    return BlobStamp(folder, etag, found.st_size, found.st_mtime_ns)


def _candidates(spec: ModelSpec, cache_dir: Path, recorded: str | None) -> list[str]:
    commits = (stored_commit(cache_dir, spec.repo), recorded)
    return list(dict.fromkeys(one for one in commits if one and COMMIT.fullmatch(one)))


def _name_folders(layout: Layout, plan: DownloadPlan | None) -> list[Path]:
    """The snapshot's folders that hold names of the plan: a deleted name moves their stamp."""
    if plan is None:
        return [layout.snapshot]
    try:
        folders = {layout.pointer_text(file).rpartition("/")[0] for file in plan.files}
    except UnsafePath:
        return [layout.snapshot]
    return sorted({layout.snapshot, *map(Path, folders)})


def _records(layout: Layout) -> list[Path]:
    """What is claimed of unfinished files: another server that fetches one moves its stamp."""
    try:
        with os.scandir(layout.blobs) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(RECORD_SUFFIX)]
    except OSError:
        return []
    return [layout.blobs / name for name in names]


def _same(look: _Look) -> bool:
    return all(
        _stamp(place) == stamp for place, stamp in zip(look.watched, look.stamps, strict=True)
    )


def _stamp(path: Path) -> Stamp:
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of times a second
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
