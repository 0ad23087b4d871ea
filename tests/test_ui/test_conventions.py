"""Rules of the pages that no type checker knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "pages").glob("*.py"), *(ROOT / "yipyap_core" / "ui").glob("*.py")])
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")


def _calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_html_is_let_through_and_no_emoji_is_drawn(path: Path) -> None:
    keywords = {keyword.arg for call in _calls(path) for keyword in call.keywords}
    assert not keywords & {"unsafe_allow_html", "unsafe_allow_javascript"}
    assert not EMOJI.search(path.read_text(encoding="utf-8"))


def test_only_the_frame_and_dialogs_of_streamlit_make_fragments() -> None:
    makers = {
        path.stem
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "fragment"
    }
    assert makers == {"live"}


def test_nothing_that_matters_lives_in_streamlits_caches() -> None:
    for path in FILES:
        assert "cache_resource" not in path.read_text(encoding="utf-8"), path
