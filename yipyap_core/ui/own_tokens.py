"""Personal API tokens: made, shown once, listed, revoked."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import streamlit as st

from yipyap_core.domain.api_tokens import ApiToken
from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import YipyapError
from yipyap_core.services.container import current
from yipyap_core.ui import actions, boundary, formats, session
from yipyap_core.ui.formats import plain
from yipyap_core.ui.visitor import ROLE_NAMES

if TYPE_CHECKING:
    from yipyap_core.services.accounts.service import AccountsService

LIFETIMES_DAYS: Final = {7: "7 days", 30: "30 days", 90: "90 days", 365: "1 year"}


def draw(accounts: AccountsService, principal: Principal) -> None:
    """Draw the form, the secret of a token that was just made, and the list."""
    st.subheader("API tokens", anchor=False)
    st.caption(
        "For scripts: send one as `Authorization: Bearer …`. A token can do at most what your role"
        " can at the time it is used."
    )
    _draw_form(accounts, principal)
    tokens = accounts.tokens(principal)
    if not tokens:
        st.caption("You have no tokens. Name one above to make the first.")
    for token in tokens:
        _draw_token(token)


def _draw_form(accounts: AccountsService, principal: Principal) -> None:
    roles = [role for role in reversed(Role) if role.rank <= principal.role.rank]
    with st.form("new_token", clear_on_submit=True):
        name = st.text_input("Name", max_chars=128, placeholder="nightly script")
        left, right = st.columns(2)
        role = left.selectbox("Role", roles, format_func=ROLE_NAMES.__getitem__)
        days = right.selectbox(
            "Expires after", LIFETIMES_DAYS, index=2, format_func=LIFETIMES_DAYS.__getitem__
        )
        sent = st.form_submit_button("Create token", icon=":material/key:")
    if not sent:
        return
    try:
        made = accounts.create_token(principal, name, role, days)
    except YipyapError as error:
        boundary.show(error)
        return
    with st.container(border=True):
        st.markdown(f"**{plain(made.token.name)}**. Copy it now, it is not shown again:")
        st.code(made.secret, language=None)


def _draw_token(token: ApiToken) -> None:
    now = dt.datetime.now(dt.UTC)
    with (
        st.container(border=True),
        st.container(horizontal=True, vertical_alignment="center", gap="small"),
    ):
        with st.container(gap="xxsmall"):
            st.markdown(f"**{plain(token.name)}**")
            st.caption(_facts(token, now), help=_moments(token))
        actions.button(
            "Revoke",
            _revoke,
            token.id,
            key=f"revoke-{token.id}",
            role=Role.GUEST,
            icon="delete",
            type="tertiary",
            help="Scripts that use it stop working at once.",
        )


def _facts(token: ApiToken, now: dt.datetime) -> str:
    used = f"used {formats.ago(token.last_used_at, now)}" if token.last_used_at else "never used"
    if token.expires_at is None:
        life = "does not expire"
    elif token.is_expired(now):
        life = "expired"
    else:
        life = f"expires {formats.ago(token.expires_at, now)}"
    return f"{ROLE_NAMES[token.role]} · {used} · {life}"


def _moments(token: ApiToken) -> str:
    zone = session.zone()
    lines = [f"Made {formats.exact_time(token.created_at, zone)}"]
    if token.expires_at:
        lines.append(f"Expires {formats.exact_time(token.expires_at, zone)}")
    return "  \n".join(lines)


def _revoke(principal: Principal, token_id: str) -> str:
    current().accounts.revoke_token(principal, token_id)
    return "The token is revoked."
