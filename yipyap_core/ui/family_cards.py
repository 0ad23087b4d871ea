"""The families as cards: what each is for, and how each of its variants stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.models import ModelSpec, ModelType
from yipyap_core.families.base import Family
from yipyap_core.services.container import Services
from yipyap_core.ui import snapshot
from yipyap_core.ui.formats import plain
from yipyap_core.ui.links import link
from yipyap_core.ui.states import look_of

TYPE_NAMES: Final = {
    ModelType.CAPTION_GENERATOR: "Caption generator",
    ModelType.DETECTION: "Detection",
    ModelType.DIFFUSION_LM: "Diffusion LLM",
    ModelType.FILES: "Files",
}
TABS: Final = {
    ModelType.CAPTION_GENERATOR: ("caption-models", "caption"),
    ModelType.DETECTION: ("detection-models", "detection"),
}
"""Where a family is configured and tried, and the parameter that chooses it there."""


def draw(services: Services) -> None:
    """Draw one card a family, side by side where there is room."""
    statuses = snapshot.statuses()
    models = services.registry.models()
    st.subheader("Families", anchor=False)
    grid = st.grid(min_column_width=250, gap="small")
    for family in services.registry.families():
        members = [spec for spec in models if spec.family == family.id]
        with grid.cell(), st.container(border=True, gap="xsmall", height="stretch"):
            _draw_card(family, members, statuses)


def _draw_card(
    family: Family, members: Sequence[ModelSpec], statuses: Mapping[str, DownloadStatus]
) -> None:
    st.markdown(f":material/{family.icon}: **{plain(family.name)}**")
    st.caption(f"{TYPE_NAMES[family.type]} · {plain(family.description)}")
    lines = [_line(spec, statuses[spec.id]) for spec in members if spec.id in statuses]
    st.markdown("  \n".join(lines))
    if family.type in TABS:
        tab, parameter = TABS[family.type]
        link(tab, "Configure and try", icon="tune", query={parameter: family.id})
    else:
        link("downloads", "Files", icon="download")


def _line(spec: ModelSpec, status: DownloadStatus) -> str:
    look = look_of(status)
    return f"{look.dot} {plain(spec.name)} :gray[:small[{look.label.lower()}]]"
