"""HF Cache: where the Hugging Face cache lies, what it holds, and what can leave it."""

from __future__ import annotations

import streamlit as st

from yipyap_core.domain.users import Principal, Role
from yipyap_core.services.container import Services
from yipyap_core.ui import (
    cache_checks,
    cache_dialog,
    cache_doctor,
    cache_overview,
    cache_reclaim,
    cache_rows,
    cache_trash,
    cache_treemap,
)
from yipyap_core.ui.guard import guarded
from yipyap_core.ui.live import Live
from yipyap_core.ui.page import PageSpec, Section

PAGE = PageSpec(
    title="HF Cache",
    icon="database",
    url_path="hf-cache",
    section=Section.MODELS,
    role=Role.ADMIN,
    order=50,
    purpose="What the Hugging Face cache holds, and what it takes on the disk.",
)

MODELS, RECLAIM, TRASH, DOCTOR = "Cached Models", "Reclaim", "Trash", "Store doctor"


@guarded(PAGE.role)
def render(services: Services, principal: Principal) -> Live:
    """Draw the totals, the checks that run, and the chosen view below."""
    report = services.cache.info(principal)
    cache_overview.draw(report)
    checks = cache_checks.draw(services, principal)
    view = st.segmented_control(
        "View",
        [MODELS, RECLAIM, TRASH, DOCTOR],
        default=MODELS,
        required=True,
        key="view-cache",
        label_visibility="collapsed",
        wrap=True,
    )
    if view == RECLAIM:
        cache_reclaim.draw(services, principal)
    elif view == TRASH:
        cache_trash.draw(services, principal)
    elif view == DOCTOR:
        cache_doctor.draw(services, principal)
    else:
        cache_treemap.draw(report.models)
        cache_rows.draw(report.models)
    cache_dialog.draw(principal)
    return checks
