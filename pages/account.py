"""Account: one's own password, sessions and personal API tokens."""

from __future__ import annotations

import streamlit as st

from yipyap_core.domain.users import Principal, Role
from yipyap_core.services.container import Services
from yipyap_core.ui import own_password, own_tokens
from yipyap_core.ui.formats import plain
from yipyap_core.ui.guard import guarded
from yipyap_core.ui.page import PageSpec, Section
from yipyap_core.ui.visitor import ROLE_NAMES, ROLE_PURPOSES

PAGE = PageSpec(
    title="Account",
    icon="person",
    url_path="account",
    section=Section.SETTINGS,
    role=Role.GUEST,
    order=90,
    purpose="Your own password, sessions and API tokens.",
)


@guarded(PAGE.role)
def render(services: Services, principal: Principal) -> None:
    """Draw who this is at the left, what one may change beside it."""
    who, rest = st.columns([2, 3], gap="large")
    with who:
        _draw_who(principal)
        own_password.draw(services.accounts, principal)
    with rest:
        own_tokens.draw(services.accounts, principal)


def _draw_who(principal: Principal) -> None:
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(principal.name)}**", width="stretch")
            st.badge(ROLE_NAMES[principal.role], color="gray")
        st.caption(plain(principal.username))
        st.caption(f"This role {ROLE_PURPOSES[principal.role]}.")
