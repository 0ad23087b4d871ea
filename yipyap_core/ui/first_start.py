"""The one-time set-up: the first administrator chooses a name and a password, then never again."""

from __future__ import annotations

from typing import Final

import streamlit as st

from yipyap_core.errors import YipyapError
from yipyap_core.services.container import current
from yipyap_core.ui import boundary

PARAMETER: Final = "setup"
"""Query parameter of the printed link that carries the code."""

_DONE: Final = "yipyap.set_up"


def draw() -> bool:
    """Draw the set-up where it is open; False when there is a user to sign in."""
    code = st.query_params.get(PARAMETER)
    accounts = current().accounts
    if accounts.has_users():
        _draw_done(code)
        return False
    with st.container(horizontal_alignment="center"), st.container(width=440):
        st.title("First start", anchor=False)
        if code is None:
            _draw_where_the_link_is()
        elif accounts.setup_is_open(code):
            _draw_form(code)
        else:
            _draw_dead_link()
    return True


def _draw_done(code: str | None) -> None:
    if st.session_state.pop(_DONE, False):
        del st.query_params[PARAMETER]
        st.toast("The administrator's account is made. Sign in.", icon=":material/check_circle:")
    elif code is not None:
        del st.query_params[PARAMETER]
        st.info("The set-up is over; sign in.", icon=":material/info:")


def _draw_where_the_link_is() -> None:
    st.info(
        "There is no account yet. The server has printed a one-time set-up link in its log:"
        " open that link to make the first administrator.",
        icon=":material/key:",
    )


def _draw_dead_link() -> None:
    st.warning(
        "This set-up link is wrong, or a newer one has replaced it. The server prints a new link in"
        " its log at each start: open the newest one to make the first administrator.",
        icon=":material/link_off:",
    )


def _draw_form(code: str) -> None:
    st.caption("Choose the name and the password of the first administrator.")
    with st.form("set_up", enter_to_submit=True):
        username = st.text_input("Username", autocomplete="username", max_chars=64)
        name = st.text_input(
            "Display name", autocomplete="name", max_chars=128, help="Optional; shown on pages."
        )
        password = st.text_input(
            "Password",
            type="password",
            autocomplete="new-password",
            help="At least 10 characters; a few words in a row are good.",
        )
        again = st.text_input("Password again", type="password", autocomplete="new-password")
        sent = st.form_submit_button("Create administrator", type="primary", width="stretch")
    if sent and _set_up(code, username, name, password, again):
        st.session_state[_DONE] = True
        st.rerun()


def _set_up(code: str, username: str, name: str, password: str, again: str) -> bool:
    if password != again:
        st.error("The two passwords differ.", icon=":material/error:")
        return False
    chosen = username.strip()
    try:
        current().accounts.set_up(code, chosen, name.strip() or chosen, password)
    except YipyapError as error:
        boundary.show(error)
        return False
    return True
