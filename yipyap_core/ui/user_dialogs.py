"""The questions of the Users page: add, rename, reset the password, remove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import streamlit as st

from yipyap_core.domain.users import Principal, Role, User
from yipyap_core.errors import YipyapError
from yipyap_core.services.container import current
from yipyap_core.ui import actions, boundary, dialogs
from yipyap_core.ui.actions import Notice
from yipyap_core.ui.formats import plain
from yipyap_core.ui.guard import admit
from yipyap_core.ui.visitor import ROLE_NAMES, ROLE_PURPOSES

ADD, RENAME, RESET, REMOVE = "add-user", "rename-user", "reset-password", "remove-user"
PASSWORD_HELP: Final = "At least 10 characters; a few words in a row are good."


def draw(users: Sequence[User]) -> None:
    """Draw the question that is open, if one is."""
    if dialogs.asked(ADD) is not None:
        _ask_for_new()
    for question, ask in ((RENAME, _ask_for_name), (RESET, _ask_for_password), (REMOVE, _ask)):
        user = next((one for one in users if one.username == dialogs.asked(question)), None)
        if user is not None:
            ask(user)


@st.dialog("Add user", icon=":material/person_add:", on_dismiss=dialogs.close)
def _ask_for_new() -> None:
    principal = admit(Role.ADMIN)
    with st.form("new-user", border=False):
        username = st.text_input(
            "Username", max_chars=64, help="Letters a-z, digits, and . _ @ + -", autocomplete="off"
        )
        name = st.text_input("Display name", max_chars=128, help="Optional.", autocomplete="off")
        role = st.selectbox(
            "Role",
            [Role.USER, Role.GUEST, Role.ADMIN],
            format_func=lambda one: f"{ROLE_NAMES[Role(one)]}: {ROLE_PURPOSES[Role(one)]}",
        )
        password = st.text_input(
            "Password", type="password", help=PASSWORD_HELP, autocomplete="new-password"
        )
        sent = st.form_submit_button("Add user", type="primary", width="stretch")
    if sent:
        _finish(lambda: _add(principal, username, name, Role(role), password))


def _add(principal: Principal, username: str, name: str, role: Role, password: str) -> str:
    user = current().accounts.add_user(principal, username, name, role, password)
    return f"{plain(user.username)} may sign in now."


@st.dialog("Rename", icon=":material/edit:", on_dismiss=dialogs.close)
def _ask_for_name(user: User) -> None:
    principal = admit(Role.ADMIN)
    with st.form("rename-user", border=False):
        name = st.text_input("Display name", value=user.name, max_chars=128, autocomplete="off")
        sent = st.form_submit_button("Save", type="primary", width="stretch")
    if sent:
        _finish(lambda: _rename(principal, user.username, name))


def _rename(principal: Principal, username: str, name: str) -> str:
    current().accounts.update_user(principal, username, name=name)
    return f"{plain(username)} is called {plain(name)} now."


@st.dialog("Reset password", icon=":material/key:", on_dismiss=dialogs.close)
def _ask_for_password(user: User) -> None:
    principal = admit(Role.ADMIN)
    st.markdown(f"**{plain(user.name)}** is signed out everywhere and needs the new password.")
    with st.form("reset-password", border=False):
        password = st.text_input(
            "New password", type="password", help=PASSWORD_HELP, autocomplete="new-password"
        )
        sent = st.form_submit_button("Set password", type="primary", width="stretch")
    if sent:
        _finish(lambda: _reset(principal, user.username, password))


def _reset(principal: Principal, username: str, password: str) -> str:
    current().accounts.update_user(principal, username, password=password)
    return f"The new password of {plain(username)} is in force."


@st.dialog("Remove user", icon=":material/person_remove:", on_dismiss=dialogs.close)
def _ask(user: User) -> None:
    principal = admit(Role.ADMIN)
    st.markdown(
        f"**{plain(user.name)}** ({plain(user.username)}) is signed out everywhere, and the API"
        " tokens of this account stop working. Downloads that were started go on."
    )
    if st.button("Remove user", key="remove-yes", type="primary", width="stretch"):
        _finish(lambda: _remove(principal, user.username))
    if st.button("Keep", key="remove-no", type="tertiary", on_click=dialogs.close):
        st.rerun()


def _remove(principal: Principal, username: str) -> str:
    current().accounts.remove_user(principal, username)
    return f"{plain(username)} is removed."


def _finish(act: Callable[[], str]) -> None:
    """Act; close on success, else say in the dialog what to correct."""
    try:
        said = act()
    except YipyapError as error:
        boundary.show(error)
        return
    dialogs.close()
    actions.notify(Notice(said))
    st.rerun()
