"""Links between pages by their address; valid in fragments too, which see no navigation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import streamlit as st

_ENTRIES: Final = "yipyap.entries"


def keep(entries: Mapping[str, st.Page]) -> None:
    """Remember the pages of this run."""
    st.session_state[_ENTRIES] = dict(entries)


def link(
    url_path: str,
    label: str,
    *,
    icon: str | None = None,
    help: str | None = None,
    width: Literal["content", "stretch"] = "content",
    query: Mapping[str, str] | None = None,
) -> None:
    """Draw a link to a page; plain text when this run has no such page."""
    entry = st.session_state.get(_ENTRIES, {}).get(url_path)
    if entry is None:
        st.caption(label)
    else:
        symbol = f":material/{icon}:" if icon else None
        st.page_link(
            entry, label=label, icon=symbol, help=help, width=width, query_params=dict(query or {})
        )


def go_to(url_path: str) -> None:
    """Switch to a page from a button."""
    st.switch_page(st.session_state[_ENTRIES][url_path])
