"""Somebody else saved first: both values of each field side by side, and a choice."""

from __future__ import annotations

from typing import Final, Literal

import streamlit as st

from yipyap_core.domain.configs import ConfigView
from yipyap_core.domain.users import Principal
from yipyap_core.families.base import Declaration
from yipyap_core.families.fields import fields_of
from yipyap_core.services.container import current
from yipyap_core.ui import actions, config_draft
from yipyap_core.ui.config_draft import Draft
from yipyap_core.ui.formats import plain

MINE: Final = "mine"
THEIRS: Final = "theirs"
Side = Literal["mine", "theirs"]


def draw(declared: Declaration, view: ConfigView, draft: Draft) -> None:
    """Draw what differs; nothing is saved and nothing is lost until a choice is made."""
    with st.container(border=True, key=f"conflict-{view.name}"):
        st.markdown(
            f":orange[:material/call_split:] **{_who(view)} saved version {view.version} while you"
            " were editing.** Nothing of yours is lost; choose what counts."
        )
        _draw_others(declared, view, draft)
        _draw_choices(declared, view, draft)
        with st.container(horizontal=True, gap="small"):
            actions.button(
                "Go on with these",
                _choose,
                view.name,
                view.version,
                key=f"choose-{view.name}",
                place=f"config-{view.name}",
                type="primary",
                help="Fills the form; it counts once you save it.",
            )
            actions.button(
                "Take the saved version",
                _give_up,
                view.name,
                key=f"give-up-{view.name}",
                place=f"config-{view.name}",
                type="tertiary",
            )


def _who(view: ConfigView) -> str:
    username = view.updated_by or ""
    return plain(current().accounts.display_names().get(username, username) or "Somebody")


def _draw_others(declared: Declaration, view: ConfigView, draft: Draft) -> None:
    others = config_draft.changed_elsewhere(draft, view)
    for field in fields_of(declared.config):
        if field.name in others:
            before, now = (plain(field.describe(value)) for value in others[field.name])
            st.markdown(f"{plain(field.label)}: {before} → **{now}** :gray[(not edited by you)]")


def _draw_choices(declared: Declaration, view: ConfigView, draft: Draft) -> None:
    clashes = config_draft.clashes(draft, view)
    for field in fields_of(declared.config):
        if field.name in clashes:
            mine, theirs = clashes[field.name]
            words = {
                MINE: f"Yours: {plain(field.describe(mine))}",
                THEIRS: f"Saved: {plain(field.describe(theirs))}",
            }
            st.radio(
                field.label,
                [MINE, THEIRS],
                format_func=words.__getitem__,
                horizontal=True,
                key=_choice_key(view.name, field.name),
            )


def _choose(principal: Principal, name: str, version: int) -> str | None:
    """Keep the chosen edits on top of what is saved; a still newer version asks again."""
    view = current().configuration.get(principal, name)
    draft = config_draft.collected(name)
    chosen = {
        field: value
        for field, value in draft.edits.items()
        if st.session_state.get(_choice_key(name, field), MINE) == MINE
    }
    if view.version != version:
        return None
    config_draft.rebase(view, chosen)
    return "Chosen. It counts once you save it." if chosen else "The saved version is shown."


def _give_up(principal: Principal, name: str) -> str:
    config_draft.rebase(current().configuration.get(principal, name), {})
    return "The saved version is shown."


def _choice_key(name: str, field: str) -> str:
    return f"choice-{name}-{field}"
