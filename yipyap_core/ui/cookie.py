"""The browser's cookie: written and deleted by streamlit-authenticator's component.

The component is a frame that takes a moment to load; a run that does not draw it any more removes
it before it has acted. So each change stays pending, and is drawn in every run, until the
component has answered.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import Any, Final

import jwt
import streamlit as st

from yipyap_core.services.container import current
from yipyap_core.ui import session

SECONDS_A_DAY: Final = 86400
_PENDING: Final = "yipyap.cookie"


@dataclass(frozen=True, slots=True)
class Change:
    """What the browser has still to do; None as credential: forget the cookie."""

    key: str
    credential: str | None


def sign_in(username: str) -> None:
    """Keep this tab signed in from now on, and the browser over a reload."""
    credential = _credential(username)
    _await(credential)
    session.remember(credential)  # last: interrupted before it, the next run does all of it again


def sign_out() -> None:
    """Forget who is here, in the tab and in the browser."""
    session.forget("You are signed out, on every device.")
    _await(None)


def is_pending() -> bool:
    """Whether the browser has still to write or delete the cookie."""
    return _PENDING in st.session_state


def settle(manager: Any) -> None:
    """Draw the pending change with the library's cookie manager, until it has answered."""
    change: Change | None = st.session_state.get(_PENDING)
    if change is None:
        return
    if st.session_state.get(change.key):
        del st.session_state[_PENDING]
    elif change.credential is None:
        name = current().accounts.cookie_name
        manager.cookies = {**(manager.cookies or {}), name: ""}  # it forgets the name unasked
        manager.delete(name, key=change.key)
    else:
        _write(manager, change)


def _await(credential: str | None) -> None:
    st.session_state[_PENDING] = Change(f"cookie-{secrets.token_hex(4)}", credential)


def _write(manager: Any, change: Change) -> None:
    services = current()
    manager.set(
        services.accounts.cookie_name,
        change.credential,
        key=change.key,
        max_age=services.settings.cookie_days * SECONDS_A_DAY,
        secure=(st.context.url or "").startswith("https:"),
        expires_at=_expiry_of(services.settings.cookie_days),
    )


def _credential(username: str) -> str:
    """Sign what the library's own cookie says: a name and an expiry in the server's local time."""
    services = current()
    claims = {
        "username": username,
        "exp_date": _expiry_of(services.settings.cookie_days).timestamp(),
    }
    return jwt.encode(claims, services.accounts.cookie_key(), algorithm="HS256")


def _expiry_of(days: float) -> dt.datetime:
    return dt.datetime.now() + dt.timedelta(days=days)
