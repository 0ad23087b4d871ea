"""Writes the page about the families, `docs/families.md`, from their declarations."""

from __future__ import annotations

from collections.abc import Sequence

from yipyap_core.families.base import Declaration, Family
from yipyap_core.families.fields import ConfigField, fields_of

HEAD = """# Model families and their settings

Made by `python -m yipyap_core.families` from the files in `yipyap_core/families/`; do not edit.

Every setting can be changed on the pages Caption Models and Detection Models, through
`PUT /api/captioner-config/{name}`, or held by the environment variable named with it. A family is
one file in `yipyap_core/families/` that exports `FAMILY`; adding the file adds the family.

A value comes from the environment, else from what was saved, else from the default. A field that
the environment holds is locked; a variable that does not fit is named on the page and not used.
Each save is a new version with who, when and what changed; any version can be brought back. Paths
must be absolute and lie, links followed, under `YIPYAP_MODEL_ROOTS` (without it: the state folder
and the HF cache). `POST /api/config/export` writes everything that was saved into one document;
`POST /api/config/import` puts each configuration that a document names into exactly that state, or
changes nothing at all.
"""


def render(declarations: Sequence[Declaration]) -> str:
    """Make the whole page, in the order given."""
    return "\n".join([HEAD, *(_section(one) for one in declarations)])


def _section(declared: Declaration) -> str:
    parts = [f"## {declared.name}", "", f"{declared.description}. {declared.config.purpose}", ""]
    if isinstance(declared, Family):
        parts += [_models(declared), ""]
    parts += [_settings(declared), ""]
    parts += [note for field in fields_of(declared.config) for note in _notes(field)]
    if declared.presets:
        parts += ["Presets:", ""]
        parts += [f"- **{one.name}**: {one.help}" for one in declared.presets]
        parts += [""]
    return "\n".join(parts)


def _models(family: Family) -> str:
    rows = [
        f"| `{spec.id}` | {spec.name} | `{spec.repo_id}`{_kind(spec.repo_type.value)} |"
        f" {_size(spec.size_bytes)} | {spec.license} |"
        for spec in family.models
    ]
    return "\n".join(
        ["| id | model | repository | about | licence |", "|---|---|---|---:|---|", *rows]
    )


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"


def _kind(repo_type: str) -> str:
    return "" if repo_type == "model" else f" ({repo_type})"


def _settings(declared: Declaration) -> str:
    rows = [
        f"| {field.label} | `{field.name}` | {field.help} | {_values(field)} |"
        f" {_default(field)} | {_variables(declared.id, field)} |"
        for field in fields_of(declared.config)
    ]
    head = f"Settings `{declared.id}`:"
    table = [
        "| setting | field | meaning | values | default | variable |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([head, "", *table, *rows])


def _values(field: ConfigField) -> str:
    if field.choices:
        return ", ".join(f"`{one.value}`" for one in field.choices)
    if field.minimum is None or field.maximum is None:
        return "path" if field.path else "on, off" if isinstance(field.default, bool) else "text"
    text = f"{field.minimum:g} to {field.maximum:g} {field.unit}".strip()
    return f"{text}, or empty" if field.nullable else text


def _default(field: ConfigField) -> str:
    if field.default in (None, ""):
        return "empty"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _variables(config: str, field: ConfigField) -> str:
    own = f"YIPYAP_{config.upper()}__{field.name.upper()}"
    return ", ".join(f"`{name}`" for name in (own, *field.environment))


def _notes(field: ConfigField) -> list[str]:
    return [f"{field.label} {one.label}: {one.note}\n" for one in field.choices if one.note]
