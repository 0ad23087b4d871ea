"""What moves by itself: one fragment a page, which reads a snapshot and paints into prepared slots.

The page lays out everything once and leaves a slot (a container) wherever a figure changes. The
fragment runs each second while something moves, else every few seconds, and paints only slots;
when the structure changes (a job began or ended) it asks for one full run. Polls cost CPU for as
long as a page is open, so a painter draws one or two elements a running job and asks no store.
Invisible frames that report by themselves have fragments of their own (`apart`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.ui import boundary, snapshot

MOVING_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 8.0
"""A job that was started elsewhere shows after at most so long."""


@dataclass(frozen=True, slots=True)
class Live:
    """The moving part of a page."""

    paint: Callable[[], None]
    """Draws the present figures into the slots."""
    structure: Callable[[], Hashable]
    """What the layout depends on; when it differs, the whole page is drawn anew."""
    is_moving: Callable[[], bool]
    """Whether figures change by themselves."""
    drawn: Hashable | None = None
    """The structure from before the layout was drawn; without it, it is asked afterwards."""

    def laid_out(self) -> Hashable:
        """What the layout on the screen was drawn by."""
        return self.structure() if self.drawn is None else self.drawn


def joined(*parts: Live) -> Live:
    """Make one moving part of several: a page has a single fragment."""

    def paint() -> None:
        for part in parts:
            part.paint()

    return Live(
        paint=paint,
        structure=lambda: tuple(part.structure() for part in parts),
        is_moving=lambda: any(part.is_moving() for part in parts),
        drawn=tuple(part.laid_out() for part in parts),
    )


def follow(part: Live, check: Callable[[], object], place: DeltaGenerator) -> None:
    """Paint now and from now on; `check` ends the run of a visitor who has lost access.

    What a painter draws outside of any slot stands in `place`, and costs least there.
    """
    drawn = (part.laid_out(), part.is_moving())

    def look_and_paint() -> None:
        snapshot.take()
        if (part.structure(), part.is_moving()) != drawn:
            st.rerun()
        part.paint()

    @st.fragment(run_every=MOVING_SECONDS if drawn[1] else IDLE_SECONDS)
    def poll() -> None:
        check()
        boundary.contained(look_and_paint)

    with place:
        poll()


def apart(draw: Callable[..., None]) -> Callable[..., None]:
    """Give a frame of a component a fragment of its own, which its reports run again.

    Outside of one, a report ends the run that is under way, and with it a press of "Sign in" or
    "Sign out" that the run was about to act on.
    """
    fragment: Callable[..., None] = st.fragment(draw)
    return fragment
