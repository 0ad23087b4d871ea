"""Home: who is here and what this account may do."""

from __future__ import annotations

import streamlit as st

from yipyap_core.domain.users import Principal, Role
from yipyap_core.services.container import Services
from yipyap_core.ui.formats import plain
from yipyap_core.ui.guard import guarded
from yipyap_core.ui.links import link
from yipyap_core.ui.page import HOME, PageSpec, Section, discover
from yipyap_core.ui.visitor import ROLE_NAMES

PAGE = PageSpec(
    title="Home",
    icon="home",
    url_path=HOME,
    section=Section.HOME,
    role=Role.GUEST,
    order=0,
    purpose="Who you are here and what you may do.",
)


@guarded(PAGE.role)
def render(services: Services, principal: Principal) -> None:
    """Draw who is signed in, then what the role opens."""
    with st.container(border=True):
        st.subheader(plain(principal.name), anchor=False)
        st.caption(f"Signed in as {plain(principal.username)} · {ROLE_NAMES[principal.role]}")
    st.subheader("What you may do", anchor=False)
    if principal.is_admin:
        _draw_doors()
    else:
        _draw_rights(principal.role, users_may_run=services.settings.users_may_run)


def _draw_doors() -> None:
    grid = st.grid(min_column_width=240, gap="small")
    for page in (page.spec for page in discover() if not page.spec.is_home):
        with grid.container(border=True, height="stretch"):
            link(page.url_path, f"**{page.label}**", icon=page.icon)
            st.caption(page.purpose)


def _draw_rights(role: Role, *, users_may_run: bool) -> None:
    rights = ["Change your own password and make API tokens on the Account page."]
    if role is Role.GUEST:
        rights.insert(0, "Look at this page; guests run nothing.")
    elif users_may_run:
        rights.insert(0, "Run the models that administrators have loaded, through the API.")
    st.markdown("\n".join(f"- {right}" for right in rights))
    st.caption(
        "Models, downloads and the cache are managed by administrators; ask one of them for a"
        " model that is missing."
    )
    link("account", "Go to your account", icon="person")
