"""What somebody has typed into a settings form and not saved yet; only its author drops any of it.

A draft remembers the version and the values from which the typing began, so that only what was
changed is saved, and a save by somebody else meanwhile is noticed and shown instead of overwritten.

Where the program itself changes what an input shows, the input gets a new key and so begins with
that value in the browser too: a value that is only written into the session can be lost between
two quick runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from yipyap_core.domain.configs import ConfigView
from yipyap_core.errors import ConfigInvalid
from yipyap_core.families.base import FamilyConfig
from yipyap_core.families.fields import ConfigField, FieldKind, fields_of, parse


@dataclass(slots=True)
class Draft:
    """One form in one browser tab."""

    name: str
    config: type[FamilyConfig]
    version: int
    base: dict[str, Any]
    """What the form showed before anything was typed."""
    values: dict[str, Any]
    """What it shows now."""
    first: dict[str, Any]
    """What each input began with under its present key."""
    turns: dict[str, int]
    """How often the program changed what an input shows."""
    refused: dict[str, tuple[Any, str]] = field(default_factory=dict)
    """Field -> the value that a save refused, and why."""

    @property
    def edits(self) -> dict[str, Any]:
        """Only what was changed."""
        return {name: value for name, value in self.values.items() if value != self.base[name]}

    def key(self, field_name: str) -> str:
        """The key of a field's input."""
        return f"config-{self.name}-{field_name}-{self.turns[field_name]}"

    def put(self, values: Mapping[str, Any]) -> None:
        """Show other values; inputs that show them already are left alone."""
        for field_name, value in values.items():
            if self._typed(field_name, self.first[field_name]) != value:
                self.turns[field_name] += 1
                self.first[field_name] = value
            self.values[field_name] = value

    def collect(self) -> None:
        """Read what the inputs hold; one that was not drawn lately keeps its value."""
        for field_name, value in self.values.items():
            self.values[field_name] = self._typed(field_name, value)

    def reasons(self) -> dict[str, str]:
        """Field -> what is wrong with the value typed, as far as it shows without saving."""
        try:
            found = parse(self.config, self.values).conflicts()
        except ConfigInvalid as error:
            found = error.fields
        refused = {
            name: why for name, (value, why) in self.refused.items() if self.values[name] == value
        }
        return {**refused, **found}

    def _typed(self, field_name: str, otherwise: Any) -> Any:
        key = self.key(field_name)
        if key not in st.session_state:
            return otherwise
        return typed_value(self._field(field_name), st.session_state[key])

    def _field(self, field_name: str) -> ConfigField:
        return next(one for one in fields_of(self.config) if one.name == field_name)


def is_text(field: ConfigField) -> bool:
    """Whether the field is typed as text: also a number that may be left empty."""
    return field.kind is FieldKind.TEXT or (
        field.nullable and field.kind in (FieldKind.INTEGER, FieldKind.NUMBER)
    )


def typed_value(field: ConfigField, raw: Any) -> Any:
    """Read what an input holds; text that is no number stays text, for the validation to refuse."""
    if not isinstance(raw, str) or field.kind is FieldKind.CHOICE:
        return raw
    text = raw.strip()
    if field.kind is FieldKind.TEXT:
        return text
    try:
        return None if not text else int(text) if field.kind is FieldKind.INTEGER else float(text)
    except ValueError:
        return text


def shown_text(value: Any) -> str:
    """Write a value into an input for text."""
    return "" if value is None else str(value)


def of(view: ConfigView, config: type[FamilyConfig]) -> Draft:
    """Find this tab's draft of a configuration, brought up to date where nothing was typed.

    With something typed and a newer version saved it stays as it is: `draft.version` is then not
    the view's, and the author has to choose.
    """
    draft = _present(view.name)
    if draft is None or draft.config is not config:
        return _begin(view, config)
    draft.collect()
    _take_locked(draft, view)
    if draft.version == view.version or not draft.edits:
        return _put_on_top(draft, view, draft.edits)
    draft.put(dict(draft.values))
    return draft


def collected(name: str) -> Draft:
    """Find this tab's draft in a callback, with what was typed last."""
    draft = _present(name)
    if draft is None:
        raise ConfigInvalid({"form": "The form is gone; reload the page."})
    draft.collect()
    return draft


def rebase(view: ConfigView, edits: Mapping[str, Any]) -> Draft:
    """Put edits on top of what counts now; without edits the form begins anew."""
    return _put_on_top(collected(view.name), view, edits)


def clashes(draft: Draft, view: ConfigView) -> dict[str, tuple[Any, Any]]:
    """Field -> (typed here, what counts now), for every edit that would replace another value."""
    return {
        name: (value, view.config[name])
        for name, value in draft.edits.items()
        if view.config[name] != value
    }


def changed_elsewhere(draft: Draft, view: ConfigView) -> dict[str, tuple[Any, Any]]:
    """Field -> (before, now), for what was saved meanwhile and not typed here."""
    return {
        name: (draft.base[name], value)
        for name, value in view.config.items()
        if draft.base[name] != value and name not in draft.edits
    }


def _begin(view: ConfigView, config: type[FamilyConfig]) -> Draft:
    values = dict(view.config)
    draft = Draft(
        name=view.name,
        config=config,
        version=view.version,
        base=dict(values),
        values=dict(values),
        first=dict(values),
        turns=dict.fromkeys(values, 0),
    )
    st.session_state[_key(view.name)] = draft
    return draft


def _put_on_top(draft: Draft, view: ConfigView, edits: Mapping[str, Any]) -> Draft:
    draft.version = view.version
    draft.base = dict(view.config)
    draft.put({**view.config, **edits})
    return draft


def _present(name: str) -> Draft | None:
    draft: Draft | None = st.session_state.get(_key(name))
    return draft


def _take_locked(draft: Draft, view: ConfigView) -> None:
    """A field that the environment holds shows the environment's value, whatever was typed."""
    held = {name: view.config[name] for name in view.variables if name in draft.values}
    draft.base |= held
    draft.put(held)


def _key(name: str) -> str:
    return f"yipyap.draft.{name}"
