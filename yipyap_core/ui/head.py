"""The top of a page: its title, one line of purpose, and a place for what runs now."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.settings import Settings
from yipyap_core.ui.formats import plain
from yipyap_core.ui.page import PageSpec


def draw(spec: PageSpec) -> DeltaGenerator:
    """Draw the head; return the slot of the strip at its right."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        with st.container(gap="xxsmall"):
            st.title(spec.title, anchor=False)
            if spec.purpose:
                st.caption(spec.purpose)
        return st.container(width="content")


def draw_demonstration(settings: Settings) -> None:
    """Say on every page that this is a demonstration, when it is one."""
    if settings.demo:
        note = f" {plain(settings.demo_note)}" if settings.demo_note else ""
        st.info(
            f"**Demonstration.** Small made-up files from a local stand-in, no real models.{note}",
            icon=":material/science:",
        )
