"""A settings class read as a list of plain fields: what forms and documentation are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from yipyap_core.errors import ConfigInvalid
from yipyap_core.families.base import FamilyConfig

UNKNOWN_FIELD = "There is no such setting."


class FieldKind(StrEnum):
    """Which input a form draws."""

    NUMBER = "number"
    INTEGER = "integer"
    SWITCH = "switch"
    CHOICE = "choice"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a field that offers several."""

    value: Any
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One setting as a form shows it."""

    name: str
    label: str
    help: str
    kind: FieldKind
    default: Any
    nullable: bool = False
    """Whether the field may be left empty (`None`)."""
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    unit: str = ""
    choices: tuple[Choice, ...] = ()
    path: str | None = None
    """Kind of file that the path must lead to."""
    needs_reload: bool = False
    environment: tuple[str, ...] = ()
    """Variables that hold the field, beside `YIPYAP_<NAME>__<FIELD>`."""
    must_be: str = ""
    """What the text must look like, in words."""

    def describe(self, value: Any) -> str:
        """Say a value of this field as people read it."""
        if value is None or value == "":
            return "empty"
        if isinstance(value, bool):
            return "on" if value else "off"
        return next((one.label for one in self.choices if one.value == value), str(value))


def fields_of(config: type[FamilyConfig]) -> tuple[ConfigField, ...]:
    """Read every setting of a class, in the order of its declaration."""
    return tuple(_field(name, info) for name, info in config.model_fields.items())


def _field(name: str, info: FieldInfo) -> ConfigField:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    more: dict[str, Any] = dict(extra)
    plain, nullable = _without_none(info.annotation)
    bounds = {key: getattr(rule, key) for rule in info.metadata for key in _bounds(rule)}
    return ConfigField(
        name=name,
        label=info.title or name,
        help=info.description or "",
        kind=_kind(plain),
        default=info.default,
        nullable=nullable,
        minimum=bounds.get("ge"),
        maximum=bounds.get("le"),
        step=more.get("step"),
        unit=more.get("unit", ""),
        choices=_choices(plain, more),
        path=more.get("path"),
        needs_reload=bool(more.get("reload")),
        environment=tuple(more.get("environment", ())),
        must_be=more.get("must_be", ""),
    )


def _bounds(rule: object) -> list[str]:
    return [key for key in ("ge", "le") if getattr(rule, key, None) is not None]


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in (Union, UnionType):
        return annotation, False
    rest = [part for part in get_args(annotation) if part is not NoneType]
    return rest[0], True


def _kind(plain: Any) -> FieldKind:
    if get_origin(plain) is Literal:
        return FieldKind.CHOICE
    kinds = {
        bool: FieldKind.SWITCH,
        int: FieldKind.INTEGER,
        float: FieldKind.NUMBER,
        str: FieldKind.TEXT,
    }
    return kinds[plain]


def _choices(plain: Any, more: Mapping[str, Any]) -> tuple[Choice, ...]:
    if get_origin(plain) is not Literal:
        return ()
    labels, notes = more.get("labels", {}), more.get("notes", {})
    return tuple(
        Choice(value, labels.get(value, str(value)), notes.get(value, ""))
        for value in get_args(plain)
    )


def parse(config: type[FamilyConfig], values: Mapping[str, Any]) -> FamilyConfig:
    """Validate values field by field; raises `ConfigInvalid` with every reason at once."""
    try:
        return config.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigInvalid(reasons(config, error)) from error


def parse_text(config: type[FamilyConfig], name: str, text: str) -> Any:
    """Read one value from an environment variable; raises `ConfigInvalid`."""
    field = next((one for one in fields_of(config) if one.name == name), None)
    if field is None:
        raise ConfigInvalid({name: UNKNOWN_FIELD})
    if field.nullable and text.strip().lower() in {"none", "null"}:
        return None
    plain = config.from_text(name, text)
    try:
        return getattr(config.model_validate_strings({name: plain}, strict=False), name)
    except ValidationError as error:
        raise ConfigInvalid(reasons(config, error)) from error


def reasons(config: type[FamilyConfig], error: ValidationError) -> dict[str, str]:
    """Field -> sentence, from pydantic's own account of what is wrong."""
    said = {field.name: field.must_be for field in fields_of(config)}
    found: dict[str, str] = {}
    for part in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(step) for step in part["loc"][:1]) or "config"
        found.setdefault(place, _sentence(part["type"], part["msg"], said.get(place, "")))
    return found


def _sentence(kind: str, message: str, must_be: str) -> str:
    if kind == "extra_forbidden":
        return UNKNOWN_FIELD
    if kind == "string_pattern_mismatch" and must_be:
        return f"Must be {must_be}."
    return f"{message.rstrip('.').replace('Input should', 'Must')}."
