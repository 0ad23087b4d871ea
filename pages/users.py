"""Users: who may sign in, and as what."""

from __future__ import annotations

import streamlit as st

from yipyap_core.domain.users import Principal, Role
from yipyap_core.services.container import Services
from yipyap_core.ui import dialogs, user_dialogs, user_rows
from yipyap_core.ui.guard import guarded
from yipyap_core.ui.page import PageSpec, Section

PAGE = PageSpec(
    title="Users",
    icon="group",
    url_path="users",
    section=Section.SETTINGS,
    role=Role.ADMIN,
    order=80,
    purpose="Who may sign in, and as what. A change of role or password counts at once.",
)


@guarded(PAGE.role)
def render(services: Services, principal: Principal) -> None:
    """Draw everybody, with what can be changed."""
    users = services.accounts.users(principal)
    st.button(
        "Add user",
        key="add-user",
        icon=":material/person_add:",
        type="primary",
        on_click=dialogs.ask,
        args=(user_dialogs.ADD,),
    )
    user_rows.draw(users, principal)
    user_dialogs.draw(users)
