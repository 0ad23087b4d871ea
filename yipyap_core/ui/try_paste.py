"""A way to paste a picture: the platform's uploader takes files and drops, but no clipboard.

The browser's side puts what was pasted into the uploader of the page, so it goes the same way and
under the same limits as a file from the disk; no byte of the clipboard passes through here.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

NAME: Final = "yipyap.paste"
KEY: Final = "try-paste"
HTML: Final = """
<div class="paste">
  <button type="button">
    <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M19 3h-4.2a3 3 0 0 0-5.6 0H5a2 2 0 0 0-2
    2v15a2 2 0 0 0 2 2h14a2 2 0 0 0 2-2V5a2 2 0 0 0-2-2Zm-7-.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1
    0-3ZM19 20H5V5h2v3h10V5h2Z"/></svg>Paste image</button>
  <span class="hint">or press Ctrl+V anywhere on the page</span>
  <span role="status"></span>
</div>
"""

_FOLDER: Final = Path(__file__).parent


def draw(uploader_key: str) -> None:
    """Draw the button that pastes into the uploader of this key, which stands on the same page."""
    _component()(key=KEY, data={"uploader": uploader_key})


@functools.cache
def _component() -> ComponentRenderer:
    """Our own constant files, read once; nothing that anybody typed is among them."""
    return st.components.v2.component(
        NAME,
        html=HTML,
        css=(_FOLDER / "paste.css").read_text(encoding="utf-8"),
        js=(_FOLDER / "paste.js").read_text(encoding="utf-8"),
    )
