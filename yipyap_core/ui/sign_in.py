"""The sign-in form: streamlit-authenticator draws it and keeps the cookie, our accounts judge.

The library would keep password hashes in the page's process, count failures for ever and trust a
cookie that cannot be revoked; so it is given no credentials at all, and the controller that it
asks is ours: throttle, roles and constant cost come from `AccountsService`.
"""

from __future__ import annotations

from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit_authenticator import Authenticate
from streamlit_authenticator.controllers import AuthenticationController

from yipyap_core.errors import Throttled, Unauthenticated, YipyapError
from yipyap_core.services.container import current
from yipyap_core.ui import boundary, brand, cookie, formats, live, session

FIELDS: Final = {
    "Form name": "Sign in",
    "Username": "Username",
    "Password": "Password",
    "Login": "Sign in",
}


class _StoreController(AuthenticationController):  # type: ignore[misc]  # untyped library
    """Judges what the form sends by our own accounts, with the throttle that the API shares."""

    def __init__(self) -> None:
        super().__init__({"usernames": {}}, auto_hash=False)
        self.failure: YipyapError | None = None
        self.username: str | None = None

    def login(
        self,
        username: str | None = None,
        password: str | None = None,
        *_options: object,
        **_more: object,
    ) -> bool:
        """Take note of how it went; the cookie is written later, outside of the form."""
        if username is None:
            return False  # a cookie: `session.principal` has judged it already
        accounts = current().accounts
        try:
            self.username = accounts.authenticate(
                username, password or "", session.address()
            ).username
        except (Unauthenticated, Throttled) as error:
            self.failure = error
        return False


class Gate(Authenticate):  # type: ignore[misc]  # untyped library
    """Draws the form and changes the cookie; made at most once a run, and only where needed."""

    def __init__(self, jar: DeltaGenerator) -> None:
        """Put the library's invisible frames into `jar`, and finish what is pending."""
        self._jar = jar
        self._draw_frame()
        self.settle()

    def _draw_frame(self) -> None:
        """Let the library draw its frame, which reports all cookies as soon as it is there."""
        services = current()
        with self._jar:
            live.apart(super().__init__)(
                {"usernames": {}},
                services.accounts.cookie_name,
                services.accounts.cookie_key(),
                services.settings.cookie_days,
                auto_hash=False,
                login_sleep_time=0,
            )
        self.authentication_controller = _StoreController()

    def settle(self) -> None:
        """Let the browser write or delete the cookie, if it has to."""
        with self._jar:
            live.apart(cookie.settle)(self.cookie_controller.cookie_model.cookie_manager)

    def ask(self) -> bool:
        """Draw the form; True when somebody has just signed in."""
        st.session_state["logout"] = True  # the library must not judge cookies by itself
        place = st.empty()
        with place.container(horizontal_alignment="center"), st.container(width=400, key="gate"):
            _draw_head()
            if farewell := session.farewell():
                st.info(farewell, icon=":material/info:")
            self.login(fields=FIELDS)
            if self.authentication_controller.failure:
                _draw_failure(self.authentication_controller.failure)
        if self.authentication_controller.username is None:
            return False
        place.empty()
        cookie.sign_in(self.authentication_controller.username)
        self.settle()
        return True


def _draw_head() -> None:
    st.space("large")
    st.image(brand.WORDMARK, width=148)
    st.caption("Model Management")


def _draw_failure(failure: YipyapError) -> None:
    if isinstance(failure, Throttled):
        wait = formats.duration(failure.retry_after_seconds)
        st.error(f"{failure.message} Try again in {wait}.", icon=":material/timer:")
    else:
        st.error(boundary.words(failure), icon=":material/error:")
