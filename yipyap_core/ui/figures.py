"""The four figures of the overview; the one that asks another service is filled in last."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.users import Principal
from yipyap_core.errors import Unavailable, YipyapError
from yipyap_core.services.container import Services
from yipyap_core.ui import formats, snapshot

OLLAMA_SECONDS: Final = 15.0
"""How old the number of Ollama's models may be."""

_OLLAMA: Final = "yipyap.ollama_glance"


@dataclass(frozen=True, slots=True)
class Glance:
    """What Ollama said when it was last asked."""

    value: str
    note: str
    asked_at: float


def draw(services: Services, principal: Principal) -> DeltaGenerator:
    """Draw the figures in a row; return the slot of the one about Ollama."""
    grid = st.grid(4, min_column_width=150, gap="small")
    specs = services.registry.models()
    statuses = snapshot.statuses()
    ready = sum(status.status is DownloadState.COMPLETED for status in statuses.values())
    families = formats.count(len(services.registry.families()), "family", "families")
    _figure(grid.cell(), "Total Models", f"{len(specs):,}", families)
    share = formats.percent(100 * ready / len(specs)) if specs else formats.NOTHING
    _figure(grid.cell(), "Downloaded", f"{ready:,}", f"{share} of all")
    ollama = grid.cell()
    _draw_cache(grid.cell(), services, principal)
    return ollama


def _draw_cache(cell: DeltaGenerator, services: Services, principal: Principal) -> None:
    try:
        report = services.cache.latest(principal)
    except YipyapError as error:
        _figure(cell, "Cache Size", formats.NOTHING, error.message)
        return
    note = formats.count(report.model_count, "model")
    if report.disk:
        note = f"{formats.size(report.disk.free_bytes)} free"
    help_ = formats.exact_size(report.total_size_bytes)
    _figure(cell, "Cache Size", formats.size(report.total_size_bytes), note, help_)


def _figure(
    cell: DeltaGenerator, label: str, value: str, note: str, help_: str | None = None
) -> None:
    cell.metric(
        label,
        value,
        delta=note,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help=help_,
    )


def draw_ollama(cell: DeltaGenerator, services: Services, principal: Principal) -> None:
    """Ask Ollama, at most every few seconds a tab, and fill the slot."""
    known: Glance | None = st.session_state.get(_OLLAMA)
    if known is None or time.monotonic() - known.asked_at > OLLAMA_SECONDS:
        place = cell.empty()
        _figure(place, "Ollama Models", "…", "asking the service")
        known = _ask(services, principal)
        st.session_state[_OLLAMA] = known
        _figure(place, "Ollama Models", known.value, known.note)
    else:
        _figure(cell, "Ollama Models", known.value, known.note)


def forget_ollama() -> None:
    """Ask again at the next run."""
    st.session_state.pop(_OLLAMA, None)


def _ask(services: Services, principal: Principal) -> Glance:
    try:
        models = services.ollama.models(principal)
    except Unavailable as error:
        return Glance(formats.NOTHING, error.message, time.monotonic())
    except YipyapError as error:
        return Glance(formats.NOTHING, error.message, time.monotonic())
    loaded = sum(model.loaded for model in models)
    return Glance(f"{len(models):,}", f"{loaded} loaded", time.monotonic())
