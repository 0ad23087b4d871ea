"""Downloads: every model's files, what runs, what failed and what to do about it."""

from __future__ import annotations

import streamlit as st

from yipyap_core.domain.users import Principal, Role
from yipyap_core.services.container import Services, current
from yipyap_core.ui import (
    actions,
    download_actions,
    download_dialog,
    download_filter,
    live,
    model_list,
    ollama_pulling,
    queue_panel,
    snapshot,
)
from yipyap_core.ui.guard import guarded
from yipyap_core.ui.live import Live
from yipyap_core.ui.page import PageSpec, Section

PAGE = PageSpec(
    title="Downloads",
    icon="download",
    url_path="downloads",
    section=Section.MODELS,
    role=Role.ADMIN,
    order=60,
    purpose="Every model's files: fetch them, watch them arrive, retry and cancel.",
)


@guarded(PAGE.role)
def render(services: Services, principal: Principal) -> Live:
    """Draw what Ollama pulls, the chosen models as rows, and the queue with its limits beside."""
    statuses = snapshot.statuses()
    rows, side = st.columns([3, 1], gap="medium")
    with rows:
        download_actions.draw_disabled(statuses)
        pulls = ollama_pulling.draw_live(principal)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = download_filter.draw(services.registry.models(), statuses)
            actions.button("Refresh Status", _refresh, key="refresh-status", icon="refresh")
        slots = model_list.draw_rows(chosen, statuses, services.settings.hub_endpoint)
        if not chosen:
            st.info("No model fits this filter and search.", icon=":material/search_off:")
    with side:
        queue_panel.draw(services)
    question = download_dialog.draw()
    return live.joined(model_list.live(slots), pulls, queue_panel.live(), question)


def _refresh(principal: Principal) -> str:
    principal.require_admin()
    current().downloads.refresh()
    return "Every status was looked up anew."
