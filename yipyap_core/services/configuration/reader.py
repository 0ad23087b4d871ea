"""Reads configurations: declaration, layers, checks against the disk; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yipyap_core.domain.configs import ConfigVersion, ConfigView
from yipyap_core.errors import ConfigInvalid, NotFound
from yipyap_core.families.base import Declaration
from yipyap_core.services.configuration.layers import (
    EnvironmentReader,
    Layered,
    defaults_of,
    layered,
    path_fields,
)
from yipyap_core.services.configuration.paths import PathRules


class ConfigReader:
    """Knows every declaration, the environment, and where model files may lie."""

    def __init__(
        self,
        declarations: Sequence[Declaration],
        environment: EnvironmentReader,
        paths: PathRules,
    ) -> None:
        """Keep the declarations by name, in the order given."""
        self._declared = {declared.id: declared for declared in declarations}
        self._environment = environment
        self._paths = paths

    def names(self) -> tuple[str, ...]:
        """List the configurations in the order people see."""
        return tuple(self._declared)

    def declaration(self, name: str) -> Declaration:
        """Look up what declares a configuration; raises `NotFound`."""
        if name not in self._declared:
            raise NotFound(
                f"There is no configuration named {name[:80]!r}.",
                code="unknown_config",
                hint=f"The names are {', '.join(self._declared)}.",
            )
        return self._declared[name]

    def layered(self, name: str, saved: Mapping[str, Any]) -> Layered:
        """Lay environment over saved values over defaults."""
        declared = self.declaration(name)
        return layered(declared, saved, self._environment(declared))

    def at(self, name: str, version: ConfigVersion | None) -> Layered:
        """The layers over one stored version, or over nothing saved."""
        return self.layered(name, version.saved if version else {})

    def view(self, name: str, version: ConfigVersion | None) -> ConfigView:
        """One configuration as page and API show it."""
        declared, now = self.declaration(name), self.at(name, version)
        return ConfigView(
            name=name,
            title=declared.name,
            version=version.version if version else 0,
            config=now.values,
            defaults=defaults_of(declared),
            saved=now.saved,
            sources=now.sources,
            variables=now.variables,
            problems={**self.path_problems(name, now.values), **now.problems},
            schema=declared.config.model_json_schema(),
            updated_at=version.at if version else None,
            updated_by=version.actor if version else None,
        )

    def path_problems(self, name: str, values: Mapping[str, Any]) -> dict[str, str]:
        """Look at the file behind each path among `values`: field -> what is wrong with it."""
        found: dict[str, str] = {}
        for field in path_fields(self.declaration(name)):
            text = values.get(field.name)
            if isinstance(text, str) and text and field.path:
                problem = self._paths.problem(field.path, text)
                found |= {field.name: problem} if problem else {}
        return found

    def refuse_paths(self, name: str, values: Mapping[str, Any]) -> None:
        """Raise `ConfigInvalid` for paths that lead to no usable file."""
        if found := self.path_problems(name, values):
            raise ConfigInvalid(found)

    def refuse_conflicts(self, name: str, now: Layered, saved: Mapping[str, Any]) -> None:
        """Raise `ConfigInvalid` for values that do not fit together, and did not stand before."""
        after = self.layered(name, saved).config.conflicts()
        before = now.config.conflicts()
        if found := {field: why for field, why in after.items() if before.get(field) != why}:
            raise ConfigInvalid(found)
