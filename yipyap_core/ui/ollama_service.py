"""The state of the Ollama service, and the choice of the assistant's model."""

from __future__ import annotations

from typing import Final

import streamlit as st

from yipyap_core.domain.ollama import OllamaModel, OllamaStatus, full_name
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import current
from yipyap_core.ui import actions
from yipyap_core.ui.formats import plain

PLACE: Final = "ollama-assistant"


def draw(status: OllamaStatus, models: tuple[OllamaModel, ...]) -> None:
    """Draw service and assistant side by side."""
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, gap="xsmall", height="stretch", key="ollama-service"):
        _draw_service(status)
    with right, st.container(border=True, gap="xsmall", height="stretch", key="ollama-assistant"):
        _draw_assistant(status, models)


def _draw_service(status: OllamaStatus) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Service Status**", width="content")
        if status.available:
            st.badge("Available", icon=":material/check_circle:", color="green")
        else:
            st.badge("Not available", icon=":material/error:", color="red")
    version = f" · version {plain(status.version)}" if status.version else ""
    st.markdown(f"`{status.base_url or 'no valid address'}`:gray[{version}]")
    if not status.available:
        sentence, hint = status.error or "Ollama service not available", status.hint or ""
        st.error(f"**{plain(sentence)}**\n\n{plain(hint)}", icon=":material/error:")
        st.code("ollama serve", language="bash")
        st.caption("This page looks again by itself every few seconds.")


def _draw_assistant(status: OllamaStatus, models: tuple[OllamaModel, ...]) -> None:
    assistant = status.assistant
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Assistant Availability**", width="content")
        if assistant.available:
            st.badge("Ready", icon=":material/check_circle:", color="green")
        else:
            st.badge("Not ready", icon=":material/error:", color="orange")
    st.caption(
        f"{plain(assistant.model)}: "
        + ("installed" if assistant.available else plain(assistant.reason or "not available"))
    )
    if models:
        _draw_choice(assistant.model, [model.name for model in models])
    if status.available and not assistant.available:
        _draw_pull_offer(assistant.model)
    actions.show_notices(PLACE)


def _draw_choice(chosen: str, names: list[str]) -> None:
    known = next((name for name in names if full_name(name) == full_name(chosen)), None)
    options = names if known else [chosen, *names]
    st.selectbox(
        "Assistant's model",
        options,
        index=options.index(known or chosen),
        key=f"assistant-model-{chosen}",
        on_change=_choose_from,
        args=(f"assistant-model-{chosen}",),
    )


def _draw_pull_offer(model: str) -> None:
    actions.button(
        f"Pull {plain(model)}", _pull, model, key="pull-assistant", icon="download", place=PLACE
    )


def _choose_from(key: str) -> None:
    """Take what the select box holds; a callback."""
    actions.perform(_choose, str(st.session_state[key]), place=PLACE)


def _choose(principal: Principal, model: str) -> str:
    current().configuration.update(principal, "ollama", {"assistant_model": model})
    return f"The assistant uses {plain(model)} now."


def _pull(principal: Principal, model: str) -> str:
    current().ollama.pulls.start(principal, model)
    return f"{plain(model)} is being pulled."
