"""The product's name and marks; all of them our own files, nothing is fetched from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Final

NAME: Final = "yipyap"

_FOLDER: Final = Path(__file__).parent / "images"

ICON: Final = str(_FOLDER / "icon.svg")
"""The mark alone, for the browser's tab and a closed navigation."""

WORDMARK: Final = str(_FOLDER / "wordmark.svg")
"""The mark with the name beside it."""

STYLE: Final = Path(__file__).with_name("style.css")
"""What the theme cannot say."""
