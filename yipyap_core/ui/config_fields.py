"""One setting as an input with, below it, its range, its origin and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from yipyap_core.domain.configs import ConfigView, ValueSource
from yipyap_core.families.fields import ConfigField, FieldKind
from yipyap_core.ui.config_draft import Draft, is_text, shown_text
from yipyap_core.ui.formats import plain


@dataclass(frozen=True, slots=True)
class FieldState:
    """What the form knows of one field in this run."""

    field: ConfigField
    view: ConfigView
    draft: Draft
    reason: str | None
    """Why the value typed cannot be saved."""

    @property
    def variable(self) -> str | None:
        """The environment variable that holds the field."""
        return self.view.variables.get(self.field.name)

    @property
    def is_edited(self) -> bool:
        """Whether somebody typed here and has not saved it."""
        return self.field.name in self.draft.edits


def draw(state: FieldState) -> None:
    """Draw the input and the line below it."""
    with st.container(gap="xxsmall", key=f"field-{state.view.name}-{state.field.name}"):
        _draw_input(state)
        st.caption(line(state))


def _draw_input(state: FieldState) -> None:
    field = state.field
    key = state.draft.key(field.name)
    first = state.draft.first[field.name]
    disabled = state.variable is not None
    help_text = _help(state)
    match field.kind:
        case FieldKind.SWITCH:
            st.toggle(field.label, first, key=key, help=help_text, disabled=disabled)
        case FieldKind.CHOICE:
            labels = {choice.value: choice.label for choice in field.choices}
            st.selectbox(
                field.label,
                list(labels),
                list(labels).index(first),
                format_func=lambda value: labels.get(value, str(value)),
                key=key,
                help=help_text,
                disabled=disabled,
            )
        case _ if is_text(field):
            st.text_input(
                field.label,
                shown_text(first),
                key=key,
                help=help_text,
                disabled=disabled,
                placeholder=_empty(field),
            )
        case _:
            _draw_number(state, help_text)


def _draw_number(state: FieldState, help_text: str) -> None:
    """Leave the bounds to the validation, which says at the field what is wrong."""
    field = state.field
    whole = field.kind is FieldKind.INTEGER
    st.number_input(
        field.label,
        value=state.draft.first[field.name],
        step=int(field.step or 1) if whole else float(field.step or 0.01),
        format="%d" if whole else "%g",
        key=state.draft.key(field.name),
        help=help_text,
        disabled=state.variable is not None,
        placeholder=_empty(field),
    )


def line(state: FieldState) -> str:
    """Say in one line what is wrong, or the range, the default and where the value comes from."""
    if state.reason:
        return f":red[:material/error: {plain(state.reason)}]"
    problem = state.view.problems.get(state.field.name)
    if problem and not state.is_edited:
        return f":orange[:material/warning: {plain(problem)}]"
    parts = [_range(state.field), f"default {_said(state.field, state.field.default)}"]
    return " · ".join([part for part in parts if part] + [_origin(state)])


def _origin(state: FieldState) -> str:
    if state.variable:
        return f":violet[:material/lock: set by {plain(state.variable)}]"
    if state.is_edited:
        before = _said(state.field, state.draft.base[state.field.name])
        reload = ", needs the model loaded anew" if state.field.needs_reload else ""
        return f":orange[:material/edit: not saved yet, was {before}{reload}]"
    if state.view.sources[state.field.name] is ValueSource.SAVED:
        return ":blue[:material/check: saved]"
    return ":gray[not changed]"


def _range(field: ConfigField) -> str:
    if field.minimum is None or field.maximum is None:
        return ""
    return f"{field.minimum:g} to {field.maximum:g} {field.unit}".strip()


def _said(field: ConfigField, value: object) -> str:
    return plain(field.describe(value))


def _empty(field: ConfigField) -> str | None:
    return "empty" if field.nullable or field.path else None


def _help(state: FieldState) -> str:
    parts = [plain(state.field.help)]
    if state.field.needs_reload:
        parts.append("A loaded model is loaded anew when this changes.")
    if state.variable:
        parts.append(f"Locked: unset {plain(state.variable)} on the server to change it here.")
    return "\n\n".join(parts)
