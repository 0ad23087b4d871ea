"""Which question is open in this tab: it outlives the runs that moving parts ask for."""

from __future__ import annotations

from typing import Final

import streamlit as st

_ASKED: Final = "yipyap.asked"


def ask(question: str, subject: str = "") -> None:
    """Open a question at the next run; a callback."""
    st.session_state[_ASKED] = (question, subject)


def asked(question: str) -> str | None:
    """Return the subject when this question is the open one."""
    open_question, subject = st.session_state.get(_ASKED, (None, None))
    return subject if open_question == question else None


def close() -> None:
    """Close whatever is open; a callback."""
    st.session_state.pop(_ASKED, None)
