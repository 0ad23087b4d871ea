"""Caption Models: the settings of taggers and captioners, and whether their files are here."""

from __future__ import annotations

import streamlit as st

from yipyap_core.domain.models import ModelType
from yipyap_core.domain.users import Principal, Role
from yipyap_core.services.container import Services
from yipyap_core.ui import config_history, config_page, download_dialog, model_list, snapshot
from yipyap_core.ui.guard import guarded
from yipyap_core.ui.live import Live, joined
from yipyap_core.ui.page import PageSpec, Section

PAGE = PageSpec(
    title="Caption Models",
    icon="closed_caption",
    url_path="caption-models",
    section=Section.MODELS,
    role=Role.ADMIN,
    order=20,
    purpose="Settings of the taggers and captioners, and whether their files are here.",
)


@guarded(PAGE.role)
def render(services: Services, principal: Principal) -> Live:
    """Draw one family: its settings, its files, its history."""
    family = config_page.choose(services, ModelType.CAPTION_GENERATOR, "caption")
    trial = config_page.draw_settings(services, principal, family)
    st.subheader("Files", anchor=False)
    specs = [spec for spec in services.registry.models() if spec.family == family.id]
    slots = model_list.draw_rows(specs, snapshot.statuses(), services.settings.hub_endpoint)
    config_history.draw(services, principal, family)
    return joined(model_list.live(slots), trial, download_dialog.draw())
