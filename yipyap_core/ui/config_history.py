"""Who changed which settings when, from what to what, with a way back to each version."""

from __future__ import annotations

import datetime as dt
from typing import Final

import streamlit as st

from yipyap_core.domain.configs import ConfigAction, HistoryEntry
from yipyap_core.domain.users import Principal
from yipyap_core.families.base import Declaration
from yipyap_core.services.container import Services
from yipyap_core.ui import config_dialogs, config_files, dialogs, formats, session
from yipyap_core.ui.formats import plain

SHOWN_AT_FIRST: Final = 5

WORDS: Final = {
    ConfigAction.UPDATE: "changed by",
    ConfigAction.RESET: "reset to defaults by",
    ConfigAction.ROLLBACK: "rolled back by",
    ConfigAction.IMPORT: "imported by",
}


def draw(services: Services, principal: Principal, declared: Declaration) -> None:
    """Draw the newest versions; all of them on demand."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader("History", anchor=False, width="stretch")
        config_files.draw_button()
    entries = services.configuration.history(principal, declared.id)
    if not entries:
        st.caption("Nothing was changed yet. Every save will be listed here, with a way back.")
        return
    names = services.accounts.display_names()
    show_all = len(entries) <= SHOWN_AT_FIRST or st.toggle(
        f"Show all {len(entries)} versions", key=f"history-all-{declared.id}"
    )
    with st.container(border=True, gap="small", key=f"history-{declared.id}"):
        for entry in entries if show_all else entries[:SHOWN_AT_FIRST]:
            _draw_entry(declared, entry, names, is_newest=entry is entries[0])


def _draw_entry(
    declared: Declaration, entry: HistoryEntry, names: dict[str, str], *, is_newest: bool
) -> None:
    who, what, back = st.columns([4, 5, 2], vertical_alignment="center", gap="small")
    name = plain(names.get(entry.actor, entry.actor))
    ago = formats.ago(entry.at, dt.datetime.now(dt.UTC))
    who.markdown(
        f"**Version {entry.version}** :gray[{WORDS[entry.action]} {name}, {ago}]",
        help=formats.exact_time(entry.at, session.zone()),
    )
    lines = config_dialogs.changes(declared, entry.changes)
    what.markdown("  \n".join(lines) if lines else ":gray[No value changed.]")
    with back:
        _draw_way_back(declared, entry, is_newest=is_newest)


def _draw_way_back(declared: Declaration, entry: HistoryEntry, *, is_newest: bool) -> None:
    if is_newest:
        st.badge("Counts now", color="green", icon=":material/check:")
        return
    st.button(
        "Roll back",
        key=f"rollback-{declared.id}-{entry.version}",
        icon=":material/history:",
        type="tertiary",
        on_click=dialogs.ask,
        args=(config_dialogs.ROLLBACK, config_dialogs.subject_of(declared.id, entry.version)),
        help="Shows what would change, and asks first.",
    )
