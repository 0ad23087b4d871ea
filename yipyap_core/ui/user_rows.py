"""The accounts as rows, each with the changes that are possible."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

import streamlit as st

from yipyap_core.domain.users import Principal, Role, User
from yipyap_core.errors import LastAdministrator
from yipyap_core.services.container import current
from yipyap_core.ui import actions, dialogs, formats, session, user_dialogs
from yipyap_core.ui.formats import plain
from yipyap_core.ui.visitor import ROLE_NAMES, ROLE_PURPOSES

DISABLE, ENABLE = "Disable", "Enable"
RENAME, RESET, REMOVE = "Rename", "Reset password", "Remove"
QUESTIONS: Final = {
    RENAME: user_dialogs.RENAME,
    RESET: user_dialogs.RESET,
    REMOVE: user_dialogs.REMOVE,
}
BECOMES: Final = {f"Make {name.lower()}": role for role, name in ROLE_NAMES.items()}


def draw(users: Sequence[User], principal: Principal) -> None:
    """Draw every account; the last administrator keeps what must not be lost."""
    for user in users:
        _draw(user, is_self=user.username == principal.username, is_last=is_last(user, users))


def is_last(user: User, users: Sequence[User]) -> bool:
    """Whether nobody else could administer."""
    active = [one for one in users if one.role is Role.ADMIN and not one.disabled]
    return [one.username for one in active] == [user.username]


def _draw(user: User, *, is_self: bool, is_last: bool) -> None:
    with (
        st.container(border=True, key=f"user-{user.username}"),
        st.container(horizontal=True, vertical_alignment="center", gap="small"),
    ):
        with st.container(gap="xxsmall"):
            _draw_name(user, is_self=is_self)
            st.caption(_facts(user), help=_moments(user))
            if is_last:
                st.caption(f":material/lock: {LastAdministrator().message}")
        choice = st.menu_button(
            "Change", _choices(user, is_last=is_last), key=f"change-{user.username}"
        )
    if choice:
        _change(user, choice)


def _draw_name(user: User, *, is_self: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        you = " :gray[(you)]" if is_self else ""
        st.markdown(f"**{plain(user.name)}**{you}", width="content")
        st.badge(ROLE_NAMES[user.role], color="gray", help=f"{ROLE_PURPOSES[user.role]}")
        if user.disabled:
            st.badge("Disabled", icon=":material/block:", color="violet")


def _facts(user: User) -> str:
    now = dt.datetime.now(dt.UTC)
    last = user.last_sign_in
    signed_in = f"signed in {formats.ago(last, now)}" if last else "never signed in"
    return f"{plain(user.username)} · {signed_in}"


def _moments(user: User) -> str:
    zone = session.zone()
    lines = [f"Added {formats.exact_time(user.created_at, zone)}"]
    if user.last_sign_in:
        lines.append(f"Last sign-in {formats.exact_time(user.last_sign_in, zone)}")
    return "  \n".join(lines)


def _choices(user: User, *, is_last: bool) -> list[str]:
    if is_last:
        return [RENAME, RESET]
    roles = [words for words, role in BECOMES.items() if role is not user.role]
    return [*roles, RENAME, RESET, ENABLE if user.disabled else DISABLE, REMOVE]


def _change(user: User, choice: str) -> None:
    if choice in QUESTIONS:
        dialogs.ask(QUESTIONS[choice], user.username)
        return
    if choice in BECOMES:
        actions.perform(_set_role, user.username, BECOMES[choice])
    else:
        actions.perform(_set_disabled, user.username, choice == DISABLE)
    st.rerun()


def _set_role(principal: Principal, username: str, role: Role) -> str:
    current().accounts.update_user(principal, username, role=role)
    return f"{plain(username)} is now {ROLE_NAMES[role].lower()}; the open sessions have ended."


def _set_disabled(principal: Principal, username: str, disabled: bool) -> str:
    current().accounts.update_user(principal, username, disabled=disabled)
    return f"{plain(username)} may {'not sign in any more' if disabled else 'sign in again'}."
