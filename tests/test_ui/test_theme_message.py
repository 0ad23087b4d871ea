"""The theme that is kept is the one that Streamlit would make anew in each run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit import config
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session

from yipyap_core.ui import theme_message

SECTIONS = ("theme", "theme.light", "theme.dark", "theme.sidebar", "theme.dark.sidebar")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Streamlit's own function, put back afterwards."""
    original = getattr(app_session, theme_message.MAKER)
    monkeypatch.setattr(app_session, theme_message.MAKER, original)
    yield original


@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_kept_is_what_streamlit_makes(made: Any, section: str) -> None:
    wanted, first, again = CustomThemeConfig(), CustomThemeConfig(), CustomThemeConfig()
    made(wanted, section)
    theme_message.keep()
    kept = getattr(app_session, theme_message.MAKER)

    kept(first, section)
    first.primary_color = "changed by the receiver"
    kept(again, section)

    assert again == wanted
    assert wanted.ByteSize() or section == "theme.sidebar"  # the one that we leave as it is


@pytest.mark.usefixtures("made")
def test_options_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    theme_message.keep()
    theme_message.keep()
    kept = getattr(app_session, theme_message.MAKER)
    asked: list[str] = []

    def options(section: str) -> dict[str, str]:
        asked.append(section)
        return {"font": "x"}

    monkeypatch.setattr(config, "get_options_for_section", options)

    for _ in range(3):
        kept(CustomThemeConfig())

    assert asked == ["theme"]


def test_a_run_takes_the_theme_from_there() -> None:
    """Whoever moves to another Streamlit learns here that the name has gone."""
    source = Path(app_session.__file__).read_text("utf-8")

    assert f"{theme_message.MAKER}(msg.new_session.custom_theme)" in source
