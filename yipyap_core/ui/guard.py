"""The check that every page and every fragment begins with, whatever the navigation has shown."""

from __future__ import annotations

import functools
from collections.abc import Callable

import streamlit as st

from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import Forbidden, Unauthenticated
from yipyap_core.services.container import Services
from yipyap_core.ui import boundary, session
from yipyap_core.ui.live import Live

Render = Callable[[Services, Principal], Live | None]


def guarded(role: Role) -> Callable[[Render], Render]:
    """Decorate a page's `render`: it runs only for a visitor who has this role at this moment."""

    def decorate(render: Render) -> Render:
        @functools.wraps(render)
        def checked(services: Services, _claimed: Principal) -> Live | None:
            return render(services, admit(role))

        return checked

    return decorate


def stay(role: Role) -> None:
    """End the poll of a visitor who has lost access: the whole page is drawn anew without it."""
    try:
        session.require(role)
    except (Unauthenticated, Forbidden):
        st.rerun()


def admit(role: Role) -> Principal:
    """Return who is here, or say why nothing is shown and end the run."""
    try:
        return session.require(role)
    except (Unauthenticated, Forbidden) as error:
        boundary.show(error)
        st.stop()
