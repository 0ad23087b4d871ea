"""Rows of models with their moving parts; several pages show such a list."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.models import ModelSpec, ModelType
from yipyap_core.services.container import Services
from yipyap_core.ui import download_actions, download_dialog, model_row, progress, snapshot
from yipyap_core.ui.live import Live, joined
from yipyap_core.ui.states import is_moving


def draw(services: Services, type_: ModelType) -> Live:
    """Draw every model of one type under its family's name."""
    statuses = snapshot.statuses()
    download_actions.draw_disabled(statuses)
    slots: dict[str, DeltaGenerator] = {}
    for family in services.registry.families():
        if family.type is type_:
            st.subheader(f":material/{family.icon}: {family.name}", anchor=False)
            st.caption(family.description)
            specs = [spec for spec in services.registry.models() if spec.family == family.id]
            slots |= draw_rows(specs, statuses, services.settings.hub_endpoint)
    return joined(live(slots), download_dialog.draw())


def draw_rows(
    specs: Iterable[ModelSpec], statuses: Mapping[str, DownloadStatus], hub: str
) -> dict[str, DeltaGenerator]:
    """Draw one row a model; return the slots of the bars that move."""
    slots = {
        spec.id: model_row.draw(spec, statuses[spec.id], hub)
        for spec in specs
        if spec.id in statuses
    }
    return {model_id: slot for model_id, slot in slots.items() if slot is not None}


def live(slots: Mapping[str, DeltaGenerator]) -> Live:
    """Keep bars up to date, one element each; another state or order asks for the whole page."""

    def paint() -> None:
        statuses = snapshot.statuses()
        for model_id, slot in slots.items():
            if model_id in statuses:
                with slot:
                    progress.draw(statuses[model_id])

    return Live(paint=paint, structure=_structure, is_moving=_any_moves)


def _structure() -> Hashable:
    statuses = snapshot.statuses()
    return tuple(
        (one.model_id, one.status, one.phase, one.error, one.priority, one.position)
        for one in statuses.values()
    )


def _any_moves() -> bool:
    return any(is_moving(status) for status in snapshot.statuses().values())
