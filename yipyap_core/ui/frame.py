"""The frame around every page: sign-in, navigation, head, notices, and the moving part.

A visitor without an account gets the same addresses with empty pages, so that a link survives the
sign-in and nothing of the administrators' pages is even named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.users import Principal
from yipyap_core.services.container import current
from yipyap_core.ui import (
    actions,
    boundary,
    brand,
    cookie,
    dialogs,
    first_start,
    head,
    links,
    live,
    menu,
    session,
    snapshot,
    strip,
)
from yipyap_core.ui.guard import stay
from yipyap_core.ui.page import LoadedPage, discover
from yipyap_core.ui.sign_in import Gate

_LAST: Final = "yipyap.last_page"


def draw() -> None:
    """Draw one run of the script: whoever is here gets what is theirs."""
    st.set_page_config(page_title=brand.NAME, page_icon=brand.ICON, layout="wide")
    st.html(brand.STYLE)
    boundary.contained(_draw)


def _draw() -> None:
    pages = discover()
    jar = st.container(key="cookie-jar")
    head.draw_demonstration(current().settings)
    principal = session.principal()
    if principal is None:
        _draw_outside(pages, jar)
        principal = session.principal()
    elif cookie.is_pending():
        Gate(jar)
    if principal is not None:
        _draw_inside(pages, principal)


def _draw_outside(pages: Iterable[LoadedPage], jar: DeltaGenerator) -> None:
    """Ask for a sign-in; returns with a credential in the session, or ends the run."""
    st.navigation([_stub(page, _nothing) for page in pages], position="hidden")
    if first_start.draw() or not Gate(jar).ask():
        st.stop()


def _draw_inside(pages: Iterable[LoadedPage], principal: Principal) -> None:
    entries = {page.spec.url_path: _entry(page, principal) for page in pages}
    links.keep(entries)
    chosen = st.navigation(menu.sections(pages, entries), expanded=True)
    menu.draw_visitor(principal)
    _leave_dialogs(chosen)
    actions.show_notices()
    chosen.run()
    actions.forget_notices()


def _leave_dialogs(chosen: st.Page) -> None:
    """Close the question that was open on the page before."""
    if st.session_state.get(_LAST) != chosen.url_path:
        dialogs.close()
    st.session_state[_LAST] = chosen.url_path


def _entry(page: LoadedPage, principal: Principal) -> st.Page:
    if not page.spec.is_open_to(principal.role):
        return _stub(page, _draw_closed)
    return st.Page(
        lambda: boundary.contained(lambda: _draw_page(page, principal)),
        title=page.spec.label,
        icon=f":material/{page.spec.icon}:",
        url_path=page.spec.url_path,
        default=page.spec.is_home,
    )


def _stub(page: LoadedPage, body: Callable[[], None]) -> st.Page:
    return st.Page(
        body,
        title=brand.NAME,
        url_path=page.spec.url_path,
        default=page.spec.is_home,
        visibility="hidden",
    )


def _draw_page(page: LoadedPage, principal: Principal) -> None:
    snapshot.take()
    slot = head.draw(page.spec)
    part = page.render(current(), principal)
    parts = [part] if part else []
    if principal.is_admin:
        parts.append(strip.live())
    if parts:
        live.follow(live.joined(*parts), lambda: stay(page.spec.role), slot)


def _nothing() -> None:
    """Stand for a page while nobody is signed in."""


def _draw_closed() -> None:
    st.title("Not for this account", anchor=False)
    st.caption("This address is for administrators. Ask one of them if you need what is here.")
