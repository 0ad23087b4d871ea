"""Buttons that do something: each asks the store who presses, calls one service method, and says
what came of it.

Streamlit runs the callback of a stale page before any other code, so the check lies in here and
not in the page. A callback leaves notices in the session; the next run shows them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import streamlit as st

from yipyap_core.domain.users import Role
from yipyap_core.errors import YipyapError
from yipyap_core.ui import boundary, session

_NOTICES: Final = "yipyap.notices"

Action = Callable[..., str | None]
"""Takes the principal and the button's arguments; returns what to say when it is done."""


TOP: Final = "top"
"""Where a notice stands that belongs to no row of the page."""


ButtonType = Literal["primary", "secondary", "tertiary"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to say at the next run."""

    text: str
    is_error: bool = False
    place: str = TOP


def notify(notice: Notice) -> None:
    """Say something at the next run of this tab."""
    _notices().append(notice)


def perform(action: Action, *arguments: object, role: Role = Role.ADMIN, place: str = TOP) -> None:
    """Check who asks, run the action, and leave a notice at `place` when it failed.

    The notices are looked up before: another press may interrupt any look into the session.
    """
    notices = _notices()
    try:
        said = action(session.require(role), *arguments)
    except YipyapError as error:
        notices.append(Notice(boundary.words(error), is_error=True, place=place))
    except Exception:  # noqa: BLE001  # a page boundary: logged with its traceback and an id
        words = boundary.note_unexpected("callback")
        notices.append(Notice(words, is_error=True, place=place))
    else:
        if said:
            notices.append(Notice(said))


def show_notices(place: str = TOP) -> None:
    """Show and forget what callbacks left for a place: a toast when done, a box when it failed."""
    left: list[Notice] = st.session_state.pop(_NOTICES, [])
    for notice in left:
        if notice.place != place:
            notify(notice)
        elif notice.is_error:
            st.error(notice.text, icon=":material/error:")
        else:
            st.toast(notice.text, icon=":material/check_circle:")


def forget_notices() -> None:
    """Drop what no place of the page has shown."""
    st.session_state.pop(_NOTICES, None)


def _notices() -> list[Notice]:
    waiting: list[Notice] = st.session_state.setdefault(_NOTICES, [])
    return waiting


def button(
    label: str,
    action: Action,
    *arguments: object,
    key: str,
    role: Role = Role.ADMIN,
    place: str = TOP,
    icon: str | None = None,
    help: str | None = None,
    type: ButtonType = "secondary",
    disabled: bool = False,
    width: Literal["content", "stretch"] = "content",
) -> bool:
    """Draw a button that runs `action` as its callback; `key` comes from a stable id."""
    return st.button(
        label,
        key=key,
        icon=f":material/{icon}:" if icon else None,
        help=help,
        type=type,
        disabled=disabled,
        width=width,
        on_click=perform,
        args=(action, *arguments),
        kwargs={"role": role, "place": place},
    )
