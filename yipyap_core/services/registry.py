"""Which models there are: those of the family files, and repositories that administrators add."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from yipyap_core.domain.models import ModelSpec, ModelType, RepoRef, RepoType
from yipyap_core.domain.users import Principal
from yipyap_core.errors import Conflict, Invalid, InvalidName, ModelExists, UnknownModel
from yipyap_core.families.base import Family
from yipyap_core.stores.registered import RegisteredModelStore, Stamp

PATTERNS_LIMIT = 100
TEXT_LIMIT = 200


def utc_now() -> dt.datetime:
    """Read the clock, aware and in UTC."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class _Known:
    """The registry at one moment."""

    stamp: Stamp | None
    generation: int
    specs: Mapping[str, ModelSpec]


class RegistryService:
    """Looks models up; sees at once what another process registered."""

    def __init__(
        self,
        *,
        families: Sequence[Family],
        store: RegisteredModelStore,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        """Take the families that discovery found and the store of the further models."""
        self._families = {family.id: family for family in families}
        self._built_in = {spec.id: spec for family in families for spec in _members(family)}
        self._store = store
        self._clock = clock
        self._swap = threading.Lock()
        self._known = _Known(None, 0, self._built_in)

    @property
    def answers_at_once(self) -> bool:
        """Whether `generation` is one short read of a local file, fit for an event loop."""
        return self._store.is_local

    @property
    def generation(self) -> int:
        """A number that moves with each change, for caches and ETags."""
        return self._present().generation

    def models(self) -> tuple[ModelSpec, ...]:
        """List the models: family by family, then those that were added, oldest first."""
        return tuple(self._present().specs.values())

    def get(self, model_id: str) -> ModelSpec:
        """Look one model up; raises `UnknownModel`."""
        built_in = self._built_in.get(model_id)
        spec = built_in or self._present().specs.get(model_id)
        if spec is None:
            raise UnknownModel(model_id)
        return spec

    def families(self) -> tuple[Family, ...]:
        """List the families in the order people see."""
        return tuple(self._families.values())

    def family_of(self, model_id: str) -> Family | None:
        """Find a model's family; None for plain files. Raises `UnknownModel`."""
        return self._families.get(self.get(model_id).family)

    def is_built_in(self, model_id: str) -> bool:
        """Whether the model stands in a family file and so cannot be forgotten."""
        return model_id in self._built_in

    def register(
        self,
        principal: Principal,
        *,
        id: str,
        repo_id: str,
        name: str | None = None,
        repo_type: str = RepoType.MODEL.value,
        revision: str = "main",
        allow_patterns: Iterable[str] = (),
        ignore_patterns: Iterable[str] = (),
        family: str | None = None,
    ) -> ModelSpec:
        """Add a repository of the hub; raises `Invalid` field by field, or `ModelExists`."""
        principal.require_admin()
        wanted = _Wanted(
            id=id,
            repo_id=repo_id,
            name=name or repo_id,
            repo_type=repo_type,
            revision=revision,
            allow_patterns=tuple(allow_patterns),
            ignore_patterns=tuple(ignore_patterns),
            family=family or "",
        )
        spec = wanted.spec(self._families)
        if spec.id in self._present().specs:
            raise ModelExists(f"A model with the id {spec.id!r} exists already.")
        self._store.add(spec, actor=principal.username, now=self._clock())
        return self.get(spec.id)

    def forget(self, principal: Principal, model_id: str) -> None:
        """Take an added repository off the registry; its files stay where they are."""
        principal.require_admin()
        if self.is_built_in(model_id):
            raise Conflict(
                f"{model_id!r} belongs to the product and cannot be forgotten.",
                code="built_in",
                hint="Only models that were added can be forgotten; files can be deleted.",
            )
        if not self._store.remove(model_id):
            raise UnknownModel(model_id)

    def _present(self) -> _Known:
        """Read the store again only when its stamp moved."""
        stamp, known = self._store.stamp(), self._known
        if stamp == known.stamp:
            return known
        added = {spec.id: self._typed(spec) for spec in self._store.all()}
        with self._swap:
            if self._known.stamp != stamp:
                generation = self._known.generation + 1
                self._known = _Known(stamp, generation, _ordered(self._built_in, added))
            return self._known

    def _typed(self, spec: ModelSpec) -> ModelSpec:
        family = self._families.get(spec.family)
        if family is None:
            return dataclasses.replace(spec, family="", type=ModelType.FILES)
        return dataclasses.replace(spec, type=family.type)


def _ordered(
    built_in: Mapping[str, ModelSpec], added: Mapping[str, ModelSpec]
) -> dict[str, ModelSpec]:
    """Put what a new version declares before what was added under the same id earlier."""
    return {**built_in, **{key: spec for key, spec in added.items() if key not in built_in}}


def _members(family: Family) -> list[ModelSpec]:
    return [dataclasses.replace(spec, family=family.id, type=family.type) for spec in family.models]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A registration as it was asked for, before it is believed."""

    id: str
    repo_id: str
    name: str
    repo_type: str
    revision: str
    allow_patterns: tuple[str, ...]
    ignore_patterns: tuple[str, ...]
    family: str

    def spec(self, families: Mapping[str, Family]) -> ModelSpec:
        """Check every field and make the model; raises `Invalid`."""
        if found := self._problems(families):
            raise Invalid("The model cannot be registered.", fields=found)
        return ModelSpec(
            id=self.id,
            name=self.name.strip(),
            description=f"Added by an administrator from {self.repo_id}",
            repo_id=self.repo_id,
            repo_type=RepoType(self.repo_type),
            revision=self.revision,
            allow_patterns=self.allow_patterns,
            ignore_patterns=self.ignore_patterns,
            family=self.family,
            size_bytes=0,
            license="",
        )

    def _problems(self, families: Mapping[str, Family]) -> dict[str, str]:
        found = {
            "id": _refusal(lambda: ModelSpec(self.id, "", "", self.repo_id, 0, "")),
            "repo_id": _refusal(lambda: RepoRef(self.repo_id)),
            "revision": _refusal(lambda: RepoRef("org/name", revision=self.revision)),
            "repo_type": _unless(
                self.repo_type in [one.value for one in RepoType],
                "Must be model, dataset or space.",
            ),
            "name": _unless(_is_line(self.name), f"Must be one line of 1 to {TEXT_LIMIT} signs."),
            "family": _unless(
                not self.family or self.family in families,
                f"Must be one of {', '.join(families)}, or left out.",
            ),
            "allow_patterns": _pattern_problem(self.allow_patterns),
            "ignore_patterns": _pattern_problem(self.ignore_patterns),
        }
        return {field: problem for field, problem in found.items() if problem}


def _refusal(make: Callable[[], object]) -> str:
    try:
        make()
    except InvalidName as error:
        return error.message
    return ""


def _unless(holds: bool, sentence: str) -> str:
    return "" if holds else sentence


def _is_line(text: str) -> bool:
    return 0 < len(text.strip()) <= TEXT_LIMIT and text.isprintable()


def _pattern_problem(patterns: Sequence[str]) -> str:
    if len(patterns) > PATTERNS_LIMIT:
        return f"At most {PATTERNS_LIMIT} patterns."
    return _unless(
        all(_is_line(pattern) for pattern in patterns),
        f"Each pattern must be one line of 1 to {TEXT_LIMIT} signs.",
    )
