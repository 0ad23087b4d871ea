"""The questions before settings are reset or rolled back: they show exactly what would change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from yipyap_core.domain.configs import changes_between
from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import NotFound
from yipyap_core.families.base import Declaration
from yipyap_core.families.fields import fields_of
from yipyap_core.services.container import current
from yipyap_core.ui import actions, boundary, config_draft, dialogs
from yipyap_core.ui.formats import plain
from yipyap_core.ui.guard import admit

RESET: Final = "reset-config"
ROLLBACK: Final = "rollback-config"


def draw() -> None:
    """Draw the question that is open, if one is."""
    name = dialogs.asked(RESET)
    if name is not None:
        _reset_question(name)
    subject = dialogs.asked(ROLLBACK)
    if subject is not None:
        _rollback_question(subject)


def subject_of(name: str, version: int) -> str:
    """What the question about a rollback is asked of."""
    return f"{name}:{version}"


def changes(declared: Declaration, differences: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """Each difference as a line of Markdown: label, old value, new value."""
    return [
        f"{plain(field.label)}: {plain(field.describe(differences[field.name][0]))}"
        f" → **{plain(field.describe(differences[field.name][1]))}**"
        for field in fields_of(declared.config)
        if field.name in differences
    ]


@st.dialog("Reset to defaults", icon=":material/restart_alt:", on_dismiss=dialogs.close)
def _reset_question(name: str) -> None:
    principal = admit(Role.ADMIN)
    boundary.contained(lambda: _draw_reset(principal, name))


def _draw_reset(principal: Principal, name: str) -> None:
    configuration = current().configuration
    declared, view = configuration.declaration(name), configuration.get(principal, name)
    target = {k: v for k, v in view.defaults.items() if k not in view.variables}
    _draw_question(declared, changes_between(view.config, target), "Reset", _reset, name)


@st.dialog("Roll back", icon=":material/history:", on_dismiss=dialogs.close)
def _rollback_question(subject: str) -> None:
    principal = admit(Role.ADMIN)
    boundary.contained(lambda: _draw_rollback(principal, subject))


def _draw_rollback(principal: Principal, subject: str) -> None:
    name, _, number = subject.rpartition(":")
    configuration = current().configuration
    declared, view = configuration.declaration(name), configuration.get(principal, name)
    entries = {str(one.version): one for one in configuration.history(principal, name)}
    if number not in entries:
        dialogs.close()
        raise NotFound(f"{declared.name} has no version {number}.", code="unknown_version")
    target = {k: v for k, v in entries[number].config.items() if k not in view.variables}
    st.caption(f"The values of version {number} become a new version; the history stays.")
    differences = changes_between(view.config, target)
    _draw_question(declared, differences, "Roll back", _roll_back, name, int(number))


def _draw_question(
    declared: Declaration,
    differences: Mapping[str, tuple[Any, Any]],
    label: str,
    action: actions.Action,
    name: str,
    *arguments: object,
) -> None:
    lines = changes(declared, differences)
    for text in lines or ["No value would change."]:
        st.markdown(text)
    pressed = [
        actions.button(
            label,
            action,
            name,
            *arguments,
            key=f"{label}-yes",
            place=f"config-{name}",
            type="primary",
            width="stretch",
        ),
        st.button("Keep as it is", key=f"{label}-no", type="tertiary", on_click=dialogs.close),
    ]
    if any(pressed):
        st.rerun()


def _reset(principal: Principal, name: str) -> str:
    dialogs.close()
    view = current().configuration.reset(principal, name)
    config_draft.rebase(view, {})
    return f"{view.title} config updated: the defaults count again, as version {view.version}."


def _roll_back(principal: Principal, name: str, version: int) -> str:
    dialogs.close()
    view = current().configuration.rollback(principal, name, version)
    config_draft.rebase(view, {})
    return f"{view.title} config updated: version {version} is back, as version {view.version}."
