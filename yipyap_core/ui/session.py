"""Who sits at this browser tab: the tab keeps a signed credential, the store is asked each time.

Role, revocation and expiry are looked up at every run, fragment and callback; nothing but the
credential is remembered, so a demotion counts at once.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import Forbidden, Unauthenticated
from yipyap_core.services.container import current

_CREDENTIAL: Final = "yipyap.credential"
_SIGNED_OUT: Final = "yipyap.signed_out"
_FAREWELL: Final = "yipyap.farewell"

LOOPBACK: Final = "127.0.0.1"


def remember(credential: str) -> None:
    """Keep the credential of a sign-in that has just been judged good."""
    st.session_state[_CREDENTIAL] = credential
    for key in (_SIGNED_OUT, _FAREWELL):
        st.session_state.pop(key, None)


def forget(farewell: str) -> None:
    """Drop everything of this tab, and take no credential from the browser's cookie any more.

    Whoever signs in next finds nothing of the one before. `farewell` is what the form says.
    """
    st.session_state.clear()
    st.session_state[_SIGNED_OUT] = True
    st.session_state[_FAREWELL] = farewell


def principal() -> Principal | None:
    """Look up who this is at this very moment; None for a visitor that nobody knows."""
    credential = st.session_state.get(_CREDENTIAL) or _cookie()
    if not credential:
        return None
    try:
        known = current().accounts.principal_of_cookie(credential)
    except Unauthenticated:
        forget("That sign-in has ended; sign in again.")
        return None
    st.session_state[_CREDENTIAL] = credential
    return known


def farewell() -> str | None:
    """Why nobody is signed in here any more; said until the next sign-in."""
    said: str | None = st.session_state.get(_FAREWELL)
    return said


def require(role: Role) -> Principal:
    """Return who this is; raises `Unauthenticated`, or `Forbidden` for too low a role."""
    known = principal()
    if known is None:
        raise Unauthenticated("You are not signed in any more.")
    if known.role.rank < role.rank:
        raise Forbidden("Your role does not allow this.")
    return known


def address() -> str:
    """Where the browser's connection comes from, for the throttle."""
    return st.context.ip_address or LOOPBACK


def zone() -> str | None:
    """The time zone that the browser named."""
    return st.context.timezone


def _cookie() -> str | None:
    if st.session_state.get(_SIGNED_OUT):
        return None
    return st.context.cookies.get(current().accounts.cookie_name)
