"""Ollama Models: whether the service answers, which models it has, pulls, memory, a small chat."""

from __future__ import annotations

from collections.abc import Hashable

import streamlit as st

from yipyap_core.domain.users import Principal, Role
from yipyap_core.services.container import Services
from yipyap_core.ui import (
    live,
    ollama_chat,
    ollama_dialogs,
    ollama_installed,
    ollama_loaded,
    ollama_pulling,
    ollama_service,
)
from yipyap_core.ui.guard import guarded
from yipyap_core.ui.live import Live
from yipyap_core.ui.page import PageSpec, Section

PAGE = PageSpec(
    title="Ollama Models",
    icon="smart_toy",
    url_path="ollama-models",
    section=Section.MODELS,
    role=Role.ADMIN,
    order=40,
    purpose="The local Ollama service and the language models it has.",
)


@guarded(PAGE.role)
def render(services: Services, principal: Principal) -> Live:
    """Draw the service, what is installed, pulls, what is loaded, and the chat."""
    ollama = services.ollama
    seen = ollama.overview(principal)
    status, models = seen.status, seen.models
    ollama_service.draw(status, models)
    pulls = ollama.pulls.pulls(principal)
    with st.container():  # what is typed below stays while rows come and go
        if status.available:
            ollama_installed.draw(models, seen.checks, pulls)
        else:
            st.caption("Models are listed as soon as the service is back.")
    ollama_pulling.draw_box(enabled=status.available)
    running = ollama.pulls.running(principal)
    with st.container():
        slots = ollama_pulling.draw_recent(pulls)
    if status.available:
        left, right = st.columns(2, gap="medium")
        with left:
            ollama_chat.draw(services, principal, models)
        with right:
            ollama_loaded.draw(seen.loaded)
    ollama_dialogs.draw(models)
    return live.joined(
        ollama_pulling.live(principal, slots, running),
        _presence(services, principal, drawn=seen.fingerprint),
    )


def _presence(services: Services, principal: Principal, *, drawn: Hashable) -> Live:
    """Draw the page anew when the service goes or comes back, or its models change elsewhere."""

    def structure() -> Hashable:
        return services.ollama.fingerprint(principal)

    return Live(paint=lambda: None, structure=structure, is_moving=lambda: False, drawn=drawn)
