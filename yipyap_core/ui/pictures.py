"""Tiny pictures made of our own figures, as images inside of Markdown: a line and a bar.

An element costs a live page far more than a longer text does, so several bars are one text. An
image cannot know which theme is on; its colours stand between both.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

ACCENT: Final = "#2b9c91"
TRACK: Final = "#8a96a3"

LINE_WIDTH, LINE_HEIGHT = 64, 16
LINE_POINTS: Final = 24
"""Figures in a line, the latest ones."""

BAR_WIDTH, BAR_HEIGHT = 300, 8


def line(figures: Sequence[float], name: str) -> str:
    """Figures over time, of the size of a word, scaled to the largest of them."""
    shown = figures[-LINE_POINTS:]
    top = max(max(shown, default=0.0), 1.0)
    step = LINE_WIDTH / max(1, len(shown) - 1)
    points = " ".join(
        f"{place * step:.0f},{LINE_HEIGHT - 1 - max(0.0, figure) / top * (LINE_HEIGHT - 3):.0f}"
        for place, figure in enumerate(shown)
    )
    drawing = f"<polyline points='{points}' fill='none' stroke='{ACCENT}' stroke-width='1.5'/>"
    return _image(drawing, LINE_WIDTH, LINE_HEIGHT, name)


def bar(share: float, name: str) -> str:
    """How full something is, from 0 to 1, as wide as a panel."""
    filled = min(1.0, max(0.0, share)) * BAR_WIDTH
    box = f"height='{BAR_HEIGHT}' rx='4'"
    drawing = (
        f"<rect width='{BAR_WIDTH}' {box} fill='{TRACK}' fill-opacity='.22'/>"
        f"<rect width='{filled:.0f}' {box} fill='{ACCENT}'/>"
    )
    return _image(drawing, BAR_WIDTH, BAR_HEIGHT, name)


def _image(drawing: str, width: int, height: int, name: str) -> str:
    whole = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'>{drawing}</svg>"
    )
    return f"![{name}](data:image/svg+xml;base64,{base64.b64encode(whole.encode()).decode()})"
