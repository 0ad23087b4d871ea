"""The questions of the Ollama page: what a model is, and whether it may go."""

from __future__ import annotations

from typing import Final

import streamlit as st

from yipyap_core.domain.ollama import OllamaDetails, OllamaModel
from yipyap_core.domain.users import Principal, Role
from yipyap_core.services.container import current
from yipyap_core.ui import actions, boundary, dialogs, formats
from yipyap_core.ui.formats import NOTHING, plain
from yipyap_core.ui.guard import admit

SHOW: Final = "ollama-show"
DELETE: Final = "ollama-delete"


def draw(models: tuple[OllamaModel, ...]) -> None:
    """Draw the question that is open."""
    asked = {question: dialogs.asked(question) for question in (SHOW, DELETE)}
    chosen = next((one for one in models if one.name in asked.values()), None)
    if chosen is not None and asked[SHOW]:
        _show(chosen)
    elif chosen is not None:
        _ask(chosen)


@st.dialog("Model", icon=":material/info:", width="large", on_dismiss=dialogs.close)
def _show(model: OllamaModel) -> None:
    principal = admit(Role.ADMIN)
    boundary.contained(lambda: _draw_details(current().ollama.show(principal, model.name)))


def _draw_details(details: OllamaDetails) -> None:
    context = f"{details.context_length:,} tokens" if details.context_length else NOTHING
    facts = (
        ("Family", details.family),
        ("Parameters", details.parameter_size),
        ("Quantization", details.quantization),
        ("Format", details.format),
        ("Context", context),
        ("Can", ", ".join(details.capabilities)),
    )
    st.markdown(f"**{plain(details.name)}**")
    st.markdown("  \n".join(f":gray[{label}] {plain(value)}" for label, value in facts if value))
    texts = (
        ("Settings", details.parameters),
        ("Template", details.template),
        ("Licence", details.license),
        ("Modelfile", details.modelfile),
    )
    for label, text in texts:
        if text:
            with st.expander(label):
                st.code(text, language=None)


@st.dialog("Delete model", icon=":material/delete:", on_dismiss=dialogs.close)
def _ask(model: OllamaModel) -> None:
    admit(Role.ADMIN)
    st.markdown(
        f"**{plain(model.name)}** ({formats.size(model.size_bytes)}) is removed from the Ollama"
        " service. It has no trash; layers that other models share stay."
    )
    pressed = actions.button(
        "Delete model",
        _delete,
        model.name,
        key="ollama-delete-yes",
        type="primary",
        width="stretch",
    )
    kept = st.button("Keep", key="ollama-delete-no", type="tertiary", on_click=dialogs.close)
    if pressed or kept:
        st.rerun()


def _delete(principal: Principal, name: str) -> str:
    dialogs.close()
    current().ollama.delete(principal, name)
    return f"{plain(name)} is deleted."
