"""Spares each run and poll the making of the theme, which never changes while a server runs.

Streamlit reads all of its options six times for it, in every run of a script or a fragment; that
was a quarter of what a poll costs. See docs/adr/0012.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session

MAKER: Final = "_populate_theme_msg"
"""Streamlit's function that writes one section of the options into a message."""

Populate = Callable[[CustomThemeConfig, str], None]


def keep() -> None:
    """Have Streamlit make each section of the theme once; harmless when it is done already."""
    made = getattr(app_session, MAKER)
    if not isinstance(made, _Kept):
        setattr(app_session, MAKER, _Kept(made))


class _Kept:
    """The same function, which remembers what it wrote."""

    def __init__(self, populate: Populate) -> None:
        self._populate = populate
        self._section = cache(self._made)

    def __call__(self, message: CustomThemeConfig, section: str = "theme") -> None:
        message.MergeFrom(self._section(section))

    def _made(self, section: str) -> CustomThemeConfig:
        message = CustomThemeConfig()
        self._populate(message, section)
        return message
