"""What the Ollama service has in memory, how much it takes, and how to give it back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import streamlit as st

from yipyap_core.domain.ollama import LoadedModel
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import current
from yipyap_core.ui import actions, formats
from yipyap_core.ui.formats import plain


def draw(loaded: Sequence[LoadedModel] | None) -> None:
    """Draw the total, then a row a model; None is a service that does not tell."""
    if loaded is None:
        st.subheader("Loaded now", anchor=False)
        st.caption("Ollama does not say at present what is in its memory.")
        return
    total = sum(model.size_bytes for model in loaded)
    amount = f" :gray[{formats.size(total)}]" if loaded else ""
    st.subheader(f"Loaded now{amount}", anchor=False)
    if not loaded:
        st.caption("Nothing is in memory; the first request loads a model.")
    for model in loaded:
        _draw_model(model)


def unload(principal: Principal, name: str) -> str:
    """Give a model's memory back, and say how that went."""
    if current().ollama.unload(principal, name):
        return f"{plain(name)} has given its memory back."
    return f"{plain(name)} is answering; it gives its memory back afterwards."


def _draw_model(model: LoadedModel) -> None:
    with (
        st.container(border=True, key=f"loaded-{model.name}"),
        st.container(horizontal=True, vertical_alignment="center", gap="small"),
    ):
        with st.container(gap="xxsmall"):
            st.markdown(f"**{plain(model.name)}**")
            st.caption(_facts(model))
        st.markdown(
            formats.size(model.size_bytes),
            help=formats.exact_size(model.size_bytes),
            width="content",
        )
        actions.button(
            "Unload now", unload, model.name, key=f"unload-now-{model.name}", icon="eject"
        )


def _facts(model: LoadedModel) -> str:
    share = 100 * model.vram_bytes / model.size_bytes if model.size_bytes else 0
    parts = [f"{share:.0f} % on the GPU" if model.vram_bytes else "in main memory"]
    if model.context_length:
        parts.append(f"context {model.context_length:,} tokens")
    if model.expires_at:
        parts.append(f"unloads {formats.ago(model.expires_at, dt.datetime.now(dt.UTC))}")
    return " · ".join(parts)
