"""Who needs a cached repository: what is loaded, what is being downloaded, what is registered."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from yipyap_core.domain.downloads import (
    DownloadState,
    DownloadStatus,
    RemoteFile,
    RepoSnapshot,
    make_plan,
)
from yipyap_core.domain.jobs import Phase
from yipyap_core.domain.models import ModelSpec
from yipyap_core.errors import UnsafePath
from yipyap_core.services.registry import RegistryService
from yipyap_core.stores.cache import ModelUseStore

UsageProbe = Callable[[], Mapping[str, str]]
"""Says which repositories are needed now: folder name -> phrase such as `being downloaded`."""


class CacheUsage:
    """Gathers what the other services say of the cache's repositories."""

    def __init__(self, registry: RegistryService, uses: ModelUseStore) -> None:
        """Know the registry; `add` names the others."""
        self._registry = registry
        self._uses = uses
        self._probes: list[UsageProbe] = []

    def add(self, probe: UsageProbe) -> None:
        """Ask `probe` too; what it raises stops a deletion, so that nothing goes on a guess."""
        self._probes.append(probe)

    def used_by(self) -> dict[str, tuple[str, ...]]:
        """Map the folders that are needed at this moment to phrases for people."""
        found: dict[str, list[str]] = defaultdict(list)
        for probe in self._probes:
            for folder, phrase in probe().items():
                found[folder].append(phrase)
        return {folder: tuple(phrases) for folder, phrases in found.items()}

    def registry_ids(self) -> dict[str, tuple[str, ...]]:
        """Map folders to the ids of the registered models that come from there."""
        found: dict[str, list[str]] = defaultdict(list)
        for model in self._registry.models():
            found[model.repo.folder_name].append(model.id)
        return {folder: tuple(ids) for folder, ids in found.items()}

    def pinned(self) -> set[tuple[str, str]]:
        """Pairs of folder and revision that the registry names; a commit there has no ref."""
        return {(model.repo.folder_name, model.revision) for model in self._registry.models()}

    def model(self, model_id: str) -> ModelSpec:
        """Look a registered model up; raises `UnknownModel`."""
        return self._registry.get(model_id)

    def wanted_names(
        self, folder: str, names: Iterable[str], *, but: str | None = None
    ) -> set[str]:
        """File names that registered models of a repository download, one model left out."""
        specs = (one for one in self._registry.models() if one.repo.folder_name == folder)
        known = tuple(_as_remote(names))
        return {name for one in specs if one.id != but for name in _matching(one, known)}

    def is_shared(self, spec: ModelSpec) -> bool:
        """Whether another registered model comes from the same repository."""
        return len(self.registry_ids()[spec.repo.folder_name]) > 1

    def last_used(self) -> dict[str, dt.datetime]:
        """Map folders to the moment of their last use by our own record."""
        return self._uses.last_used()

    def record(self, repo_folder: str, at: dt.datetime) -> None:
        """Note a use."""
        self._uses.touch(repo_folder, at)


class DownloadUsage:
    """The probe that names what is being downloaded, paused downloads included."""

    def __init__(
        self, statuses: Callable[[], Mapping[str, DownloadStatus]], registry: RegistryService
    ) -> None:
        """Ask `statuses` at each call."""
        self._statuses = statuses
        self._registry = registry

    def __call__(self) -> dict[str, str]:
        """Map folders to phrases."""
        found = {}
        statuses = self._statuses()
        for model in self._registry.models():
            status = statuses.get(model.id)
            if status is not None and status.status is DownloadState.DOWNLOADING:
                found[model.repo.folder_name] = _phrase(model.id, status)
        return found


def files_of(spec: ModelSpec, names: Iterable[str]) -> set[str]:
    """Those of the names that the model's patterns choose."""
    return set(_matching(spec, tuple(_as_remote(names))))


def _matching(spec: ModelSpec, files: tuple[RemoteFile, ...]) -> Iterator[str]:
    snapshot = RepoSnapshot(spec.repo, "", files)
    plan = make_plan(snapshot, spec.allow_patterns, spec.ignore_patterns)
    return (file.path for file in plan.files)


def _as_remote(names: Iterable[str]) -> Iterator[RemoteFile]:
    for name in names:
        try:
            yield RemoteFile(name, 0, "")
        except UnsafePath:
            continue


def _phrase(model_id: str, status: DownloadStatus) -> str:
    if status.phase is Phase.PAUSED:
        return f"the download of {model_id} is paused"
    return f"{model_id} is being downloaded"
