"""The order of the queue: arrows and a menu beside each waiting download."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import streamlit as st

from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import current
from yipyap_core.ui import actions


class Wish(StrEnum):
    """What the menu offers."""

    FRONT = "To the front"
    HIGH = "High priority"
    NORMAL = "Normal priority"
    LOW = "Low priority"


ALL_THE_WAY: Final = 10_000
"""So many steps lead to the front from wherever somebody else has moved it meanwhile."""
PRIORITIES: Final = {Wish.HIGH: 10, Wish.NORMAL: 0, Wish.LOW: -10}


def badge(status: DownloadStatus) -> str:
    """A word in Markdown for a priority that is not the usual one."""
    if status.priority == 0:
        return ""
    colour, word = ("orange", "high") if status.priority > 0 else ("gray", "low")
    return f" :{colour}-badge[{word}]"


def draw(status: DownloadStatus, number: int, total: int) -> None:
    """Draw the ways there are for the download that waits as the `number`th of `total`."""
    if number > 1:
        _draw_move(status, -1, "arrow_upward", "Earlier")
    if number < total:
        _draw_move(status, 1, "arrow_downward", "Later")
    key = f"order-{status.model_id}"
    st.menu_button(
        "",
        [wish for wish in Wish if _is_news(wish, status, number)],
        key=key,
        icon=":material/low_priority:",
        type="tertiary",
        help="Place and priority",
        on_click=actions.perform,
        args=(_obey, status.model_id, key),
    )


def _is_news(wish: Wish, status: DownloadStatus, number: int) -> bool:
    if wish is Wish.FRONT:
        return number > 2  # the second has an arrow
    return PRIORITIES[wish] != status.priority


def _draw_move(status: DownloadStatus, steps: int, icon: str, help_: str) -> None:
    actions.button(
        "",
        _move,
        status.model_id,
        steps,
        key=f"move-{steps}-{status.model_id}",
        icon=icon,
        help=help_,
        type="tertiary",
    )


def _move(principal: Principal, model_id: str, steps: int) -> None:
    current().downloads.move(principal, model_id, steps)


def _obey(principal: Principal, model_id: str, key: str) -> None:
    """Do what was chosen from the menu beside a download."""
    wish = Wish(st.session_state[key])
    if wish is Wish.FRONT:
        _move(principal, model_id, -ALL_THE_WAY)
    else:
        current().downloads.prioritise(principal, model_id, PRIORITIES[wish])
