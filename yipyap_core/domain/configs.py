"""A configuration as values: its versions, where each value comes from, and what changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ValueSource(StrEnum):
    """Where the value of a field comes from; the words are part of the HTTP contract."""

    DEFAULT = "default"
    SAVED = "saved"
    ENVIRONMENT = "environment"


class ConfigAction(StrEnum):
    """What made a version."""

    UPDATE = "update"
    RESET = "reset"
    ROLLBACK = "rollback"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class ConfigVersion:
    """One saved state of one configuration; a version never changes once it is written."""

    name: str
    version: int
    """1 for the first; what was never saved is at version 0."""
    at: dt.datetime
    actor: str
    action: ConfigAction
    saved: Mapping[str, Any]
    """Only the fields that somebody set; the others follow the defaults."""


@dataclass(frozen=True, slots=True)
class ConfigView:
    """A configuration as it counts now, with the origin of every value."""

    name: str
    title: str
    version: int
    config: Mapping[str, Any]
    defaults: Mapping[str, Any]
    saved: Mapping[str, Any]
    """What counts again when the environment lets go of a field."""
    sources: Mapping[str, ValueSource]
    variables: Mapping[str, str]
    """Field -> environment variable that holds it."""
    problems: Mapping[str, str]
    """Field -> why a saved value or a variable is not used, or cannot work."""
    schema: Mapping[str, Any]
    """JSON Schema of the fields."""
    updated_at: dt.datetime | None = None
    updated_by: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One version with what it changed against the one before."""

    version: int
    at: dt.datetime
    actor: str
    action: ConfigAction
    changes: Mapping[str, tuple[Any, Any]]
    """Field -> (from, to)."""
    config: Mapping[str, Any]
    """Every field as this version left it, the environment aside."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that an import changes."""

    name: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class SkippedField:
    """One field that an import leaves alone."""

    name: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do."""

    applied: tuple[FieldChange, ...]
    skipped: tuple[SkippedField, ...]
    versions: Mapping[str, int]
    """Configuration -> its version afterwards, of those that changed."""
    dry_run: bool


def changes_between(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Compare two whole configurations: field -> (from, to), in the order of `after`."""
    return {
        field: (before.get(field), value)
        for field, value in after.items()
        if before.get(field) != value
    }
