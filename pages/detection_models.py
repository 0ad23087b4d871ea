"""Detection Models: the settings of the detectors, and the state of every detection model."""

from __future__ import annotations

import streamlit as st

from yipyap_core.domain.models import ModelType
from yipyap_core.domain.users import Principal, Role
from yipyap_core.services.container import Services
from yipyap_core.ui import config_history, config_page, model_list
from yipyap_core.ui.guard import guarded
from yipyap_core.ui.live import Live, joined
from yipyap_core.ui.page import PageSpec, Section

PAGE = PageSpec(
    title="Detection Models",
    icon="center_focus_strong",
    url_path="detection-models",
    section=Section.MODELS,
    role=Role.ADMIN,
    order=30,
    purpose="Settings of the object and watermark detectors, and whether their files are here.",
)


@guarded(PAGE.role)
def render(services: Services, principal: Principal) -> Live:
    """Draw one family's settings, then every detection model with its state and next action."""
    family = config_page.choose(services, ModelType.DETECTION, "detection")
    trial = config_page.draw_settings(services, principal, family)
    config_history.draw(services, principal, family)
    st.subheader("Detection Models Status", anchor=False)
    models = model_list.draw(services, ModelType.DETECTION)
    return joined(models, trial)
