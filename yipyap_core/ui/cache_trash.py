"""What was deleted and can be brought back, with undo and purge."""

from __future__ import annotations

import datetime as dt
from typing import Final

import streamlit as st

from yipyap_core.domain.trash import Restored, TrashEntry, TrashState
from yipyap_core.domain.users import Principal, Role
from yipyap_core.services.container import Services, current
from yipyap_core.ui import actions, boundary, dialogs, formats, session
from yipyap_core.ui.formats import plain
from yipyap_core.ui.guard import admit

PURGE: Final = "cache-purge"
ALL: Final = "*"


def draw(services: Services, principal: Principal) -> None:
    """Draw every entry, the latest first."""
    entries = services.cache.deletion.trash(principal)
    if not entries:
        st.info("The trash is empty. What is deleted here can be undone.", icon=":material/inbox:")
        return
    days = services.settings.trash_days
    with st.container(horizontal=True, vertical_alignment="center"):
        total = formats.size(sum(entry.bytes for entry in entries))
        st.caption(
            f"{total} on the cache's own volume, kept for {days:g} days or until space is short."
        )
        st.button(
            "Empty the trash",
            key="purge-all",
            icon=":material/delete_forever:",
            on_click=dialogs.ask,
            args=(PURGE, ALL),
        )
    for entry in entries:
        _draw_entry(entry, days)
    _draw_question(entries)


def _draw_entry(entry: TrashEntry, days: float) -> None:
    zone = session.zone()
    now = dt.datetime.now(dt.UTC)
    until = entry.created_at + dt.timedelta(days=days)
    with (
        st.container(border=True, key=f"trash-{entry.id}"),
        st.container(horizontal=True, vertical_alignment="center", gap="small"),
    ):
        with st.container(gap="xxsmall"):
            st.markdown(f"**{plain(entry.names)}**")
            st.caption(
                f"deleted {formats.ago(entry.created_at, now)} by {plain(entry.actor)} · "
                f"purged {formats.ago(until, now)}",
                help=formats.exact_time(entry.created_at, zone),
            )
        st.markdown(
            formats.size(entry.bytes), help=formats.exact_size(entry.bytes), width="content"
        )
        with st.container(horizontal=True, width="content", gap="xsmall"):
            is_going = entry.state is TrashState.PURGING
            actions.button(
                "Undo",
                _restore,
                entry.id,
                key=f"undo-{entry.id}",
                icon="undo",
                disabled=is_going,
                help="It is being freed." if is_going else None,
            )
            st.button(
                "Purge",
                key=f"purge-{entry.id}",
                type="tertiary",
                icon=":material/delete_forever:",
                on_click=dialogs.ask,
                args=(PURGE, entry.id),
            )


def _draw_question(entries: tuple[TrashEntry, ...]) -> None:
    asked = dialogs.asked(PURGE)
    chosen = [entry for entry in entries if asked in (ALL, entry.id)]
    if chosen:
        _question(chosen)


@st.dialog("Purge", icon=":material/delete_forever:", on_dismiss=dialogs.close)
def _question(entries: list[TrashEntry]) -> None:
    admit(Role.ADMIN)
    boundary.contained(lambda: _draw_purge(entries))


def _draw_purge(entries: list[TrashEntry]) -> None:
    size = sum(entry.bytes for entry in entries)
    names = ", ".join(plain(entry.names) for entry in entries[:5])
    st.markdown(
        f"**{formats.size(size)}** are freed for good: {names}. This cannot be undone.",
        help=formats.exact_size(size),
    )
    ids = tuple(entry.id for entry in entries)
    pressed = actions.button(
        "Purge for good", _purge, ids, key="purge-yes", type="primary", width="stretch"
    )
    if st.button("Keep", key="purge-no", type="tertiary", on_click=dialogs.close) or pressed:
        st.rerun()


def _restore(principal: Principal, trash_id: str) -> str:
    return words(current().cache.deletion.restore(principal, trash_id))


def _purge(principal: Principal, ids: tuple[str, ...]) -> str:
    dialogs.close()
    deletion = current().cache.deletion
    return f"{formats.size(sum(deletion.purge(principal, one) for one in ids))} were freed."


def words(restored: Restored) -> str:
    """Say what an undo brought back."""
    entry = restored.entry
    verb = "is" if len(entry.items) == 1 else "are"
    parts = [f"{plain(entry.names)} {verb} back, {formats.size(entry.bytes)}."]
    if restored.superseded:
        parts.append(f"{len(restored.superseded)} names were there anew and stayed as they are.")
    if restored.lost:
        parts.append(f"{len(restored.lost)} files were lost to another program's prune.")
    return " ".join(parts)
