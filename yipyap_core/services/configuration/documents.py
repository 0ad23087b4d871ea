"""All saved settings as one JSON document: its format, older formats, and what importing changes.

An import replaces the saved values of each configuration that the document names; fields held by
the environment stay as they are, and configurations that it does not name are left alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from yipyap_core.domain.configs import ConfigVersion, FieldChange, SkippedField
from yipyap_core.errors import ConfigInvalid
from yipyap_core.families.base import Declaration
from yipyap_core.families.fields import fields_of, parse
from yipyap_core.services.configuration.layers import Layered
from yipyap_core.services.configuration.reader import ConfigReader

FORMAT = 1

Document = Mapping[str, Any]


def document_of(configs: Mapping[str, Mapping[str, Any]], *, at: dt.datetime) -> dict[str, Any]:
    """Make the document of the present format."""
    return {
        "format": FORMAT,
        "exported_at": at.isoformat().replace("+00:00", "Z"),
        "configs": {name: dict(saved) for name, saved in configs.items()},
    }


def _from_bare_values(document: Document) -> Document:
    """Format 0 had no envelope: the configurations stood at the top."""
    return {"format": 1, "configs": {k: v for k, v in document.items() if k != "format"}}


MIGRATIONS: Mapping[int, Callable[[Document], Document]] = {0: _from_bare_values}
"""Format -> the step to the next one."""


def read_document(document: object) -> dict[str, dict[str, Any]]:
    """Bring a document to the present format; raises `ConfigInvalid` for one that is none."""
    if not isinstance(document, Mapping):
        raise ConfigInvalid({"document": "Must be a JSON object as the export makes it."})
    current: Document = document
    version = current.get("format", 0)
    if type(version) is not int or not 0 <= version <= FORMAT:
        raise ConfigInvalid({"format": f"Must be at most {FORMAT}; this file has {version!r}."})
    while version < FORMAT:
        current = MIGRATIONS[version](current)
        version += 1
    return _configs(current.get("configs"))


def _configs(configs: object) -> dict[str, dict[str, Any]]:
    if not isinstance(configs, Mapping):
        raise ConfigInvalid({"configs": "Must be an object of configurations."})
    wrong = {
        f"configs.{name}": "Must be an object of fields and values."
        for name, values in configs.items()
        if not isinstance(values, Mapping)
    }
    if wrong:
        raise ConfigInvalid(wrong)
    return {str(name): dict(values) for name, values in configs.items()}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One configuration of a document, checked, against what is saved now."""

    name: str
    saved: Mapping[str, Any]
    """The saved values that this configuration would have."""
    applied: tuple[FieldChange, ...]
    skipped: tuple[SkippedField, ...]


def wanted_of(
    configs: Mapping[str, Mapping[str, Any]],
    heads: Mapping[str, ConfigVersion],
    reader: ConfigReader,
) -> list[Wanted]:
    """Check a whole document against the present; every reason of every configuration at once."""
    found: list[Wanted] = []
    wrong: dict[str, str] = {}
    for name, values in configs.items():
        if name not in reader.names():
            wrong[f"configs.{name}"] = "There is no such configuration."
            continue
        try:
            now = reader.at(name, heads.get(name))
            found.append(one := _wanted(reader.declaration(name), values, now))
            reader.refuse_conflicts(name, now, one.saved)
        except ConfigInvalid as error:
            wrong |= {f"configs.{name}.{field}": why for field, why in error.fields.items()}
    if wrong:
        raise ConfigInvalid(wrong)
    return found


def refuse_new_paths(
    configs: Mapping[str, Mapping[str, Any]],
    heads: Mapping[str, ConfigVersion],
    reader: ConfigReader,
) -> None:
    """Raise `ConfigInvalid` for paths that the document brings and that lead to no usable file."""
    wrong: dict[str, str] = {}
    for name in configs.keys() & set(reader.names()):
        now = reader.at(name, heads.get(name))
        fresh = {k: v for k, v in configs[name].items() if k not in now.variables}
        found = reader.path_problems(name, different(fresh, now.saved))
        wrong |= {f"configs.{name}.{field}": why for field, why in found.items()}
    if wrong:
        raise ConfigInvalid(wrong)


def different(values: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the values that are not the present ones."""
    return {field: value for field, value in values.items() if present.get(field) != value}


def _wanted(declared: Declaration, values: Mapping[str, Any], now: Layered) -> Wanted:
    config = parse(declared.config, values)
    fresh = {name: getattr(config, name) for name in values}
    locked = {name: value for name, value in now.stored.items() if name in now.variables}
    saved = {**{k: v for k, v in fresh.items() if k not in now.variables}, **locked}
    skipped = [
        SkippedField(declared.id, name, f"Held by the environment variable {now.variables[name]}.")
        for name in fresh
        if name in now.variables
    ]
    return Wanted(declared.id, saved, tuple(_changes(declared, saved, now.saved)), tuple(skipped))


def _changes(
    declared: Declaration, after: Mapping[str, Any], before: Mapping[str, Any]
) -> list[FieldChange]:
    """List each field whose saved value changes, is set, or falls back to the default."""
    return [
        FieldChange(
            declared.id,
            field.name,
            before.get(field.name, field.default),
            after.get(field.name, field.default),
        )
        for field in fields_of(declared.config)
        if (field.name in before) != (field.name in after)
        or before.get(field.name) != after.get(field.name)
    ]
