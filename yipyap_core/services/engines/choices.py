"""Which files and settings make the engine of a model: from registry, cache and configuration."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from yipyap_core.domain.engines import AnswerKind, LoadPlan
from yipyap_core.domain.models import ModelSpec
from yipyap_core.engines.base import EngineSpec, Source
from yipyap_core.errors import CheckpointRejected, Invalid, NotDownloaded, NotFound
from yipyap_core.families.base import Family, FamilyConfig
from yipyap_core.families.fields import fields_of, reasons
from yipyap_core.services.registry import RegistryService
from yipyap_core.transfer.trees import stored_commit


class Settings(Protocol):
    """The saved settings of a family."""

    def current(self, name: str) -> FamilyConfig:
        """What counts now."""


class EngineChoices:
    """Turns names and drafts into plans; touches files, starts nothing."""

    def __init__(
        self,
        *,
        engines: Mapping[str, EngineSpec],
        registry: RegistryService,
        settings: Settings,
        cache_dir: Path,
        is_complete: Callable[[str], bool],
    ) -> None:
        """`is_complete` says whether all files of a model are downloaded."""
        self._engines = engines
        self._registry = registry
        self._settings = settings
        self._cache_dir = cache_dir
        self._is_complete = is_complete

    def models(self) -> tuple[tuple[ModelSpec, Family, EngineSpec], ...]:
        """Every model that an engine runs."""
        families = {family.id: family for family in self._registry.families()}
        return tuple(
            (spec, family, self._engines[family.engine])
            for spec in self._registry.models()
            if (family := families.get(spec.family)) and family.engine in self._engines
        )

    def family(self, name: str, kind: AnswerKind | None = None) -> tuple[Family, str | None]:
        """Look a generator or detector up: a family's name, or a model's id, which is returned too.

        Raises `NotFound` with the names that exist.
        """
        for spec, family, engine in self.models():
            if kind in (None, engine.kind) and name in (family.id, spec.id):
                return family, None if name == family.id else spec.id
        known = {family.id for _, family, engine in self.models() if kind in (None, engine.kind)}
        raise NotFound(
            f"There is no {kind.value if kind else 'engine'} by the name {name[:60]!r}.",
            code="unknown_engine",
            hint=f"The names are {', '.join(sorted(known))}, and the ids of their models.",
        )

    def saved(self, family: Family) -> FamilyConfig:
        """The family's settings as they count now."""
        return self._settings.current(family.id)

    def config_for(self, family: Family, model_id: str | None) -> FamilyConfig:
        """The saved settings, changed as little as it takes to choose the model."""
        saved = self.saved(family)
        if model_id is None or model_id in saved.model_ids():
            return saved
        for field in fields_of(family.config):
            for choice in field.choices if field.needs_reload else ():
                changed = changed_config(saved, {field.name: choice.value})
                if changed.model_ids() == (model_id,):
                    return changed
        return saved  # a model that an administrator registered: settings do not choose it

    def draft(
        self, family: Family, base: FamilyConfig, values: Mapping[str, Any], *, may_reload: bool
    ) -> FamilyConfig:
        """Lay a draft over the settings; raises `Invalid` field by field.

        Paths can only be tried once they are saved, for only then they are checked; settings
        that load another model are for administrators.
        """
        known = {field.name: field for field in fields_of(family.config)}
        held = {
            name: "A path is tried after it was saved."
            if known[name].path
            else "Only administrators may try what loads another model."
            for name, value in values.items()
            if name in known and value != getattr(base, name)
            if known[name].path or (known[name].needs_reload and not may_reload)
        }
        if held:
            raise Invalid("The draft cannot be tried.", fields=_under_config(held))
        try:
            return changed_config(base, values)
        except ValidationError as error:
            fields = _under_config(reasons(family.config, error))
            raise Invalid("The draft does not fit its fields.", fields=fields) from error

    def plan(self, family: Family, config: FamilyConfig, model_id: str | None = None) -> LoadPlan:
        """What has to be loaded; raises `NotDownloaded` or `CheckpointRejected`."""
        ids = config.model_ids()
        if model_id is not None and model_id not in ids:
            ids = (model_id,)
        sources = [self.source(self._registry.get(one)) for one in ids]
        return self._engines[family.engine].plan(sources, config)

    def is_saved(self, family: Family, plan: LoadPlan) -> bool:
        """Whether the saved settings load just this; never while their own files are missing."""
        try:
            return plan.key == self.plan(family, self.saved(family)).key
        except (NotDownloaded, CheckpointRejected):
            return False

    def folders(self, plan: LoadPlan) -> set[str]:
        """Folders of the cache that a worker with this plan reads."""
        paths = [Path(file) for file in plan.files.values()]
        inside = [path for path in paths if path.is_relative_to(self._cache_dir)]
        return {path.relative_to(self._cache_dir).parts[0] for path in inside}

    def source(self, spec: ModelSpec) -> Source:
        """The model's files in the cache; none of them while they are not complete."""
        commit = stored_commit(self._cache_dir, spec.repo)
        folder = self._cache_dir / spec.repo.folder_name / "snapshots" / (commit or "none")
        if commit is None or not self._is_complete(spec.id):
            return Source(spec.id, folder, {})
        found = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        return Source(spec.id, folder, {k: v for k, v in found.items() if _wanted(spec, k)})


def changed_config(config: FamilyConfig, values: Mapping[str, Any]) -> FamilyConfig:
    """Copy with other values, validated anew; raises pydantic's `ValidationError`."""
    return type(config).model_validate({**config.model_dump(), **values})


def _wanted(spec: ModelSpec, name: str) -> bool:
    def any_of(patterns: tuple[str, ...]) -> bool:
        return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)

    allowed = not spec.allow_patterns or any_of(spec.allow_patterns)
    return allowed and not any_of(spec.ignore_patterns)


def _under_config(fields: Mapping[str, str]) -> dict[str, str]:
    return {f"config.{name}": reason for name, reason in fields.items()}
