"""The engines on the Overview: how each downloaded model stands, and how its last check went.

A check asks the model about a fixed picture and compares the answer with the last good one.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.engines import CanaryReport, EngineState, EngineStatus
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import Services, current
from yipyap_core.ui import actions, boundary, formats, session, try_engine, try_tasks
from yipyap_core.ui.formats import plain
from yipyap_core.ui.links import link
from yipyap_core.ui.live import Live

CHECK: Final = "canary-"


def draw(services: Services, principal: Principal) -> Live:
    """Draw one row a downloaded model, the configured ones first."""
    laid_out = _standing()
    st.subheader("Engines", anchor=False)
    here = [one for one in services.engines.list(principal) if one.downloaded]
    loading: dict[str, DeltaGenerator] = {}
    if not here:
        st.caption("No model that can be run is downloaded yet. Download one, then check it here.")
        link("downloads", "Downloads", icon="download")
    else:
        st.caption(
            "A check asks a model about a fixed picture and compares with its last good answer."
        )
    grid = st.grid(min_column_width=380, gap="small")
    for status in sorted(here, key=lambda one: (not one.configured, one.name)):
        with grid.cell():
            slot = _draw_row(status)
        if slot is not None:
            loading[status.model_id] = slot
    return _live(principal, laid_out, loading)


def words(report: CanaryReport | None, zone: str | None, *, is_due: bool = False) -> str:
    """The last check in one line of Markdown, or that the one after a download `is_due`."""
    if is_due:
        return ":blue[:material/hourglass_top: The check after its download is due]"
    if report is None:
        return ":gray[:material/circle: Never checked]"
    at = formats.exact_time(report.at, zone)
    if not report.ok:
        return f":red[:material/error: Check failed] · {plain(report.message)} · {plain(at)}"
    parts = [
        ":orange[:material/difference: Answer changed]"
        if report.changed
        else ":green[:material/check_circle: Check passed]",
        plain(report.message),
        try_engine.seconds(report.processing_seconds),
        f"on {plain(report.device)}",
        _peak(report),
        plain(at),
    ]
    return " · ".join(part for part in parts if part)


def _peak(report: CanaryReport) -> str:
    if not report.peak.ram_bytes:
        return ""
    text = f"peak {formats.size(report.peak.ram_bytes)} RAM"
    if report.peak.gpu_bytes:
        text += f", {formats.size(report.peak.gpu_bytes)} GPU"
    return text


def _draw_row(status: EngineStatus) -> DeltaGenerator | None:
    with st.container(
        border=True, gap="xsmall", height="stretch", key=f"canary-row-{status.model_id}"
    ):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            chosen = " :blue-badge[configured]" if status.configured else ""
            st.markdown(f"**{plain(status.name)}**{chosen}", width="stretch")
            _draw_button(status)
        slot = try_engine.draw(status, can_load=status.downloaded)
        st.caption(words(status.canary, session.zone(), is_due=status.check_is_due))
        error = try_tasks.error_of(CHECK + status.model_id)
        if error is not None:
            boundary.show(error)
    return slot


def _draw_button(status: EngineStatus) -> None:
    waits = try_tasks.is_running(CHECK + status.model_id)
    failed = status.state is EngineState.FAILED
    actions.button(
        "Checking" if waits else "Check now",
        _check,
        status.model_id,
        key=f"check-{status.model_id}",
        icon="hourglass_top" if waits else "fact_check",
        disabled=waits or failed,
        help="Load it again first." if failed else "Loads the model where needed.",
    )


def _check(principal: Principal, model_id: str) -> None:
    engines = current().engines
    try_tasks.start(CHECK + model_id, lambda: engines.canary(principal, model_id))


def _live(principal: Principal, laid_out: Hashable, slots: dict[str, DeltaGenerator]) -> Live:
    def paint() -> None:
        if _standing() != laid_out:
            st.rerun()
        for model_id, slot in slots.items():
            with slot:
                try_engine.paint(current().engines.worker(principal, model_id))

    return Live(
        paint=paint,
        structure=_standing,
        is_moving=lambda: bool(slots or try_tasks.running() or current().engines.checks_due),
    )


def _standing() -> Hashable:
    engines = current().engines
    return engines.generation, engines.checks_due, try_tasks.running()
