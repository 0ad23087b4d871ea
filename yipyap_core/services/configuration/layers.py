"""One configuration out of its three layers: defaults, what was saved, what the environment holds.

A layer's value that does not fit (an older version saved it, or a variable is misspelt) is left
out and named in `problems`: a configuration can always be read. It stays in the store, so that a
newer version beside this one loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from yipyap_core.domain.configs import ValueSource
from yipyap_core.errors import ConfigInvalid
from yipyap_core.families.base import Declaration, FamilyConfig
from yipyap_core.families.fields import UNKNOWN_FIELD, ConfigField, fields_of, parse, parse_text
from yipyap_core.settings import family_overrides

Overrides = Mapping[str, tuple[str, str]]
"""Field -> (variable, its text)."""

EnvironmentReader = Callable[[Declaration], Overrides]


@dataclass(frozen=True, slots=True)
class Layered:
    """What counts, where it comes from, and what could not be used."""

    config: FamilyConfig
    stored: Mapping[str, Any]
    """What was saved, with fields and values that only another version understands."""
    saved: Mapping[str, Any]
    """The saved values that fit."""
    sources: Mapping[str, ValueSource]
    variables: Mapping[str, str]
    problems: Mapping[str, str]

    @property
    def values(self) -> dict[str, Any]:
        """Every field, as plain JSON values."""
        return self.config.model_dump()


def defaults_of(declared: Declaration) -> dict[str, Any]:
    """Read the defaults of this version of the product."""
    return declared.config().model_dump()


def layered(declared: Declaration, saved: Mapping[str, Any], overrides: Overrides) -> Layered:
    """Lay the environment over the saved values over the defaults."""
    kept, dropped = _fitting(declared, saved)
    held, variables, unread = _held(declared, overrides)
    config = declared.config.model_validate({**kept, **held})
    sources = {field.name: _source(field.name, kept, held) for field in fields_of(declared.config)}
    problems = {**config.conflicts(), **dropped, **unread}
    return Layered(config, saved, kept, sources, variables, problems)


def _source(field: str, saved: Mapping[str, Any], held: Mapping[str, Any]) -> ValueSource:
    if field in held:
        return ValueSource.ENVIRONMENT
    return ValueSource.SAVED if field in saved else ValueSource.DEFAULT


def _fitting(
    declared: Declaration, saved: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Separate the saved values that this version accepts; a field that is gone is passed over."""
    kept: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name in saved.keys() & declared.config.model_fields.keys():
        try:
            kept[name] = getattr(parse(declared.config, {name: saved[name]}), name)
        except ConfigInvalid as error:
            problems[name] = f"The saved value is not used: {error.fields[name]}"
    return kept, problems


def _held(
    declared: Declaration, overrides: Overrides
) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    held: dict[str, Any] = {}
    variables: dict[str, str] = {}
    problems: dict[str, str] = {}
    for name, (variable, text) in overrides.items():
        try:
            held[name] = parse_text(declared.config, name, text)
            variables[name] = variable
        except ConfigInvalid as error:
            reason = error.fields.get(name, UNKNOWN_FIELD)
            problems[name] = f"The variable {variable} is not used: {reason}"
    return held, variables, problems


def read_environment(declared: Declaration) -> Overrides:
    """Read what the environment holds of a configuration at this moment."""
    return family_overrides(declared.id, aliases=aliases_of(declared))


def aliases_of(declared: Declaration) -> dict[str, tuple[str, ...]]:
    """Field -> the further variables that its declaration names."""
    return {one.name: one.environment for one in fields_of(declared.config) if one.environment}


def path_fields(declared: Declaration) -> tuple[ConfigField, ...]:
    """Pick the fields whose text must lead to a file."""
    return tuple(one for one in fields_of(declared.config) if one.path)
