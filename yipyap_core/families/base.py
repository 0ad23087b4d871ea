"""How a model family is declared: its models as data, its settings as one pydantic class.

A family's file exports `FAMILY`; settings without models (such as Ollama's) export `CONFIG`.
The class of the settings is the only place where a field's type, bounds, default, label, help and
unit stand: the form, the API's schema, the documentation and the validation are made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from yipyap_core.domain.models import ModelSpec, ModelType

PATH_LENGTH = 4096
"""Longest path that a settings field accepts, in characters."""


class FamilyConfig(BaseModel):
    """Settings of one family: strict types, unknown fields refused, values that never change."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )

    purpose: ClassVar[str] = ""
    """One sentence for the documentation and the head of the form."""

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, values: object) -> object:
        """Take 256.0 for 256, as JSON Schema does."""
        if not isinstance(values, Mapping):
            return values
        return {
            name: int(value)
            if isinstance(value, float) and value.is_integer() and _is_whole(cls, name)
            else value
            for name, value in values.items()
        }

    def model_ids(self) -> tuple[str, ...]:
        """Which models of the registry these settings choose; a loaded engine needs all of them."""
        return ()

    def conflicts(self) -> dict[str, str]:
        """Field -> reason, where values that are fine alone do not fit together."""
        return {}

    @classmethod
    def from_text(cls, field: str, text: str) -> str:  # noqa: ARG003 - for families that need it
        """Bring a variable's text into the form that the field accepts; mostly it is so already."""
        return text.strip()


def _is_whole(config: type[FamilyConfig], name: str) -> bool:
    known = config.model_fields.get(name)
    return known is not None and known.annotation in (int, int | None)


def setting(
    default: Any,
    *,
    title: str,
    help: str,
    unit: str | None = None,
    step: float | None = None,
    labels: Mapping[Any, str] | None = None,
    notes: Mapping[Any, str] | None = None,
    path: str | None = None,
    needs_reload: bool = False,
    environment: tuple[str, ...] = (),
    ge: float | None = None,
    le: float | None = None,
    pattern: str | None = None,
    must_be: str | None = None,
    max_length: int | None = None,
) -> Any:
    """Declare one field of a `FamilyConfig`; the words go to form, schema and documentation.

    `labels` and `notes` name the choices of a `Literal`, `path` says which kind of file a path
    leads to (`safetensors` or `tags`), `needs_reload` that a loaded engine must be loaded anew,
    `environment` which variables hold the field beside `YIPYAP_<NAME>__<FIELD>`, the strongest
    first, and `must_be` says in words what `pattern` accepts.
    """
    extra: dict[str, Any] = {
        "unit": unit,
        "step": step,
        "labels": dict(labels) if labels else None,
        "notes": dict(notes) if notes else None,
        "path": path,
        "reload": needs_reload,
        "environment": list(environment) or None,
        "must_be": must_be,
    }
    return Field(
        default,
        title=title,
        description=help,
        ge=ge,
        le=le,
        pattern=pattern,
        max_length=PATH_LENGTH if path else max_length,
        json_schema_extra={name: value for name, value in extra.items() if value is not None},
    )


ConfigClass = type[FamilyConfig]


@dataclass(frozen=True, slots=True)
class Preset:
    """Values that a form offers by one click, such as a publisher's recommendation."""

    name: str
    help: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConfigSection:
    """Settings that belong to no model of the registry."""

    id: str
    name: str
    description: str
    icon: str
    """Name of a material icon."""
    config: ConfigClass
    presets: tuple[Preset, ...] = ()
    order: int = 100
    """Place among the others; equal ones in the order of their names."""


@dataclass(frozen=True, slots=True)
class Family:
    """One model family: its models, its settings and the engine that runs it."""

    id: str
    name: str
    type: ModelType
    description: str
    icon: str
    """Name of a material icon."""
    models: tuple[ModelSpec, ...]
    config: ConfigClass
    engine: str
    """Name of the file in `engines/` that runs these models."""
    presets: tuple[Preset, ...] = field(default=())
    order: int = 100
    """Place among the others; equal ones in the order of their names."""


Declaration = Family | ConfigSection
"""Whatever has an id, a name and a `FamilyConfig`."""
