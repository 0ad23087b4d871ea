"""A small chat to try an installed model; nothing of it is kept beyond this tab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from yipyap_core.domain.ollama import OllamaModel
from yipyap_core.domain.users import Principal
from yipyap_core.errors import YipyapError
from yipyap_core.services.container import Services
from yipyap_core.ui import boundary
from yipyap_core.ui.formats import NARROW

_LINES: Final = "yipyap.ollama_chat"
AVATARS: Final = {"user": ":material/person:", "assistant": ":material/smart_toy:"}
REMEMBERED: Final = 40
"""Lines of a conversation that go back to the model."""
LONGEST_NAME: Final = 28
"""So many characters of a name that the field asking for a question stays one line high."""


def draw(services: Services, principal: Principal, models: Sequence[OllamaModel]) -> None:
    """Draw the conversation so far and take the next question."""
    st.subheader("Try a model", anchor=False)
    if not models:
        st.caption("Pull a model first; then it can be tried here.")
        return
    names = [model.name for model in models]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container():
            chosen = st.selectbox("Chat with", names, key="chat-model")
        st.button("New conversation", key="chat-new", icon=":material/add:", on_click=_forget)
    with st.container(border=True, key="ollama-chat"):
        for line in _lines():
            with st.chat_message(line["role"], avatar=AVATARS[line["role"]]):
                st.markdown(shown(line["content"]))
        place = st.container()
        question = st.chat_input(f"Ask {_shortened(chosen)}", key="chat-question")
    if question:
        with place:
            _answer(services, principal, chosen, question)


def _answer(services: Services, principal: Principal, name: str, question: str) -> None:
    lines = [*_lines(), {"role": "user", "content": question}]
    with st.chat_message("user", avatar=AVATARS["user"]):
        st.markdown(shown(question))
    with st.chat_message("assistant", avatar=AVATARS["assistant"]):
        try:
            with st.spinner(f"{name} is writing", show_time=True):
                written = _write(services, principal, name, lines[-REMEMBERED:])
        except YipyapError as error:
            boundary.show(error)
            return
    st.session_state[_LINES] = [*lines, {"role": "assistant", "content": written}]


def _write(services: Services, principal: Principal, name: str, lines: list[dict[str, str]]) -> str:
    answer = services.ollama.chat(principal, name, lines)
    place, text = st.empty(), ""
    try:
        for chunk in answer:
            text += chunk.text
            place.markdown(shown(text))
            if chunk.eval_count and chunk.eval_seconds:
                speed = chunk.eval_count / chunk.eval_seconds
                st.caption(f"{chunk.eval_count:,} tokens, {speed:.1f}{NARROW}tokens/s")
    finally:
        answer.stop()
    return text


def shown(text: str) -> str:
    """A conversation's Markdown without pictures: they would be fetched from anywhere."""
    return text.replace("![", "!\\[")


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _lines() -> list[dict[str, str]]:
    found: list[dict[str, str]] = st.session_state.get(_LINES, [])
    return found


def _forget() -> None:
    st.session_state.pop(_LINES, None)
