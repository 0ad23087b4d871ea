"""Overview: how all models and this machine stand, and what needs attention now."""

from __future__ import annotations

import streamlit as st

from yipyap_core.domain.users import Principal, Role
from yipyap_core.services.container import Services, current
from yipyap_core.ui import (
    actions,
    download_dialog,
    engine_limits,
    family_cards,
    figures,
    host_panel,
    links,
    live,
    now_panel,
    try_canary,
)
from yipyap_core.ui.guard import guarded
from yipyap_core.ui.live import Live
from yipyap_core.ui.page import PageSpec, Section

PAGE = PageSpec(
    title="Model Management",
    icon="dashboard",
    url_path="model-management",
    section=Section.MODELS,
    role=Role.ADMIN,
    order=10,
    purpose="How all models and this machine stand.",
    menu_title="Overview",
)


@guarded(PAGE.role)
def render(services: Services, principal: Principal) -> Live:
    """Draw the figures, the quick actions, what runs, the machine, families and engines."""
    ollama = figures.draw(services, principal)
    _draw_quick_actions()
    left, right = st.columns([2, 1], gap="medium")
    with left:
        moving = now_panel.draw(services)
    with right:
        machine = host_panel.draw()
    family_cards.draw(services)
    engines = try_canary.draw(services, principal)
    engine_limits.draw(services, principal)
    question = download_dialog.draw()
    figures.draw_ollama(ollama, services, principal)
    return live.joined(moving, machine, engines, question)


def _draw_quick_actions() -> None:
    with st.container(horizontal=True, gap="small"):
        actions.button("Refresh all data", _refresh_all, key="refresh-all", icon="refresh")
        for label, url_path, icon in (
            ("Go to downloads", "downloads", "download"),
            ("Go to cache", "hf-cache", "database"),
        ):
            if st.button(label, key=f"go-{url_path}", icon=f":material/{icon}:"):
                links.go_to(url_path)


def _refresh_all(principal: Principal) -> str:
    services = current()
    principal.require_admin()
    services.downloads.refresh()
    services.cache.refresh(principal)
    figures.forget_ollama()
    return "Everything was looked up anew."
