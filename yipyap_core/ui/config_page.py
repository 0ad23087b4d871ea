"""The body that Caption Models and Detection Models share: one family's settings at a time."""

from __future__ import annotations

from collections.abc import Hashable

import streamlit as st

from yipyap_core.domain.models import ModelType
from yipyap_core.domain.users import Principal
from yipyap_core.families.base import Family
from yipyap_core.services.container import Services, current
from yipyap_core.ui import config_dialogs, config_files, config_form, try_panel
from yipyap_core.ui.live import Live, joined


def choose(services: Services, type_: ModelType, key: str) -> Family:
    """Let people choose a family; the choice stands in the page's address as `?{key}=`."""
    families = {one.id: one for one in services.registry.families() if one.type is type_}
    chosen = st.segmented_control(
        "Family",
        list(families),
        format_func=lambda name: families[name].name,
        default=next(iter(families)),
        required=True,
        key=key,
        label_visibility="collapsed",
        wrap=True,
        bind="query-params",
    )
    return families[chosen or next(iter(families))]


def draw_settings(services: Services, principal: Principal, family: Family) -> Live:
    """Draw the form, the panel to try it, the answers, and the questions that may be open."""
    view = services.configuration.get(principal, family.id)
    form, trial = st.columns([3, 2], gap="medium")
    with form:
        config_form.draw(family, view)
    panel = try_panel.begin(principal, family, view)
    with trial:
        try_panel.draw_controls(panel)
    try_panel.draw_results(panel)
    config_dialogs.draw()
    config_files.draw()
    return joined(try_panel.live(panel), live())


def live() -> Live:
    """Notice a save made elsewhere: the page is drawn anew, and edits are kept."""
    return Live(paint=_nothing, structure=_versions, is_moving=lambda: False)


def _versions() -> Hashable:
    return tuple(sorted(current().configuration.versions().items()))


def _nothing() -> None:
    """There is no moving figure."""
