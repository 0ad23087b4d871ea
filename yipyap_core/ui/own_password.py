"""The form with which people change their own password and stay signed in here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from yipyap_core.domain.users import Principal
from yipyap_core.errors import YipyapError
from yipyap_core.ui import actions, boundary, cookie, session
from yipyap_core.ui.actions import Notice

if TYPE_CHECKING:
    from yipyap_core.services.accounts.service import AccountsService


def draw(accounts: AccountsService, principal: Principal) -> None:
    """Draw the form and act on what it sends."""
    with st.form("own_password", clear_on_submit=True):
        st.subheader("Change password", anchor=False)
        present = st.text_input(
            "Present password", type="password", autocomplete="current-password"
        )
        new = st.text_input(
            "New password",
            type="password",
            autocomplete="new-password",
            help="At least 10 characters; a few words in a row are good.",
        )
        again = st.text_input("New password again", type="password", autocomplete="new-password")
        sent = st.form_submit_button("Change password")
    if not sent:
        st.caption("Your other sessions end; this one goes on.")
    elif new != again:
        st.error("The two new passwords differ; nothing was changed.", icon=":material/error:")
    else:
        _change(accounts, principal, present, new)


def _change(accounts: AccountsService, principal: Principal, present: str, new: str) -> None:
    try:
        accounts.change_own_password(principal, present, new, session.address())
    except YipyapError as error:
        boundary.show(error)
        return
    cookie.sign_in(principal.username)
    actions.notify(Notice("The password is changed; your other sessions have ended."))
    st.rerun()
