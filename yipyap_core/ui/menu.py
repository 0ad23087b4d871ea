"""The navigation at the left: Home, the settings with Model Management's tabs, and who is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import streamlit as st

from yipyap_core.domain.users import Principal, Role
from yipyap_core.services.container import current
from yipyap_core.ui import actions, brand, cookie
from yipyap_core.ui.formats import plain
from yipyap_core.ui.page import LoadedPage, Section
from yipyap_core.ui.visitor import ROLE_NAMES

HEADINGS: Final = {
    Section.HOME: "",
    Section.MODELS: "Settings · Model Management",
    Section.SETTINGS: "Settings",
}


def sections(
    pages: Iterable[LoadedPage], entries: Mapping[str, st.Page]
) -> dict[str, list[st.Page]]:
    """Sort the pages of this run under their headings; closed ones get none, not even a heading."""
    listed: dict[str, list[st.Page]] = {}
    for section, heading in HEADINGS.items():
        for page in (page for page in pages if page.spec.section is section):
            entry = entries[page.spec.url_path]
            place = "" if entry.visibility == "hidden" else heading
            listed.setdefault(place, []).append(entry)
    return listed


def draw_visitor(principal: Principal) -> None:
    """Draw who is here under the navigation, with the way out.

    The way out is a callback: a press that is only returned is lost when another message of the
    browser interrupts the run.
    """
    st.logo(brand.WORDMARK, size="large", icon_image=brand.ICON)
    with st.sidebar, st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        with st.container(gap=None):
            st.markdown(f"**{plain(principal.name)}**")
            st.caption(ROLE_NAMES[principal.role])
        actions.button(
            "Sign out",
            _sign_out,
            key="sign-out",
            role=Role.GUEST,
            icon="logout",
            type="tertiary",
            help="Ends all your sessions, on every device.",
        )


def _sign_out(principal: Principal) -> None:
    current().accounts.sign_out(principal.username)
    cookie.sign_out()
