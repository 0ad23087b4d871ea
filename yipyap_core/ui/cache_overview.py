"""The top of the HF Cache page: the totals, where the cache lies, and what one can do with all."""

from __future__ import annotations

import datetime as dt
from typing import Final

import streamlit as st

from yipyap_core.domain.cache import CacheReport
from yipyap_core.domain.deletion import PlanKind, PlanRequest
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import current
from yipyap_core.ui import actions, cache_dialog, formats, session
from yipyap_core.ui.formats import plain

SHOWN_WARNINGS: Final = 5

SOURCES: Final = {
    "HF_HUB_CACHE": "chosen by HF_HUB_CACHE",
    "HF_HOME": "chosen by HF_HOME",
    "HF_CACHE": "chosen by HF_CACHE",
    "default": "the default, no variable is set",
}


def draw(report: CacheReport) -> None:
    """Draw the figures, the folder and its actions, and what is wrong in the cache."""
    _draw_figures(report)
    _draw_place(report)
    _draw_warnings(report)


def _draw_figures(report: CacheReport) -> None:
    grid = st.grid(min_column_width=150)
    _metric(grid, "Total Size", report.total_size_bytes)
    others = report.repo_count - report.model_count
    beside = f"and {formats.count(others, 'repository', 'repositories')} of other types"
    grid.metric(
        "Model Count", f"{report.model_count:,}", border=True, help=beside if others else None
    )
    _metric(grid, "Partial files", report.partial_bytes)
    _metric(grid, "Trash", report.trash_bytes)
    if report.disk:
        _metric(grid, "Free on the volume", report.disk.free_bytes)


def _metric(place: st.delta_generator.DeltaGenerator, label: str, size_bytes: int) -> None:
    exact = formats.exact_size(size_bytes)
    place.metric(label, formats.size(size_bytes), border=True, help=exact)


def _draw_place(report: CacheReport) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(gap="xxsmall"):
            st.markdown("**Cache Directory**")
            st.markdown(f"`{report.cache_dir}` :gray[{SOURCES.get(report.source, report.source)}]")
            now = dt.datetime.now(dt.UTC)
            exact = formats.exact_time(report.scanned_at, session.zone())
            st.caption(f"Looked at {formats.ago(report.scanned_at, now)}", help=exact)
        with st.container(horizontal=True, width="content", gap="xsmall"):
            _draw_actions(report)


def _draw_actions(report: CacheReport) -> None:
    empty = not report.models
    nothing = "The cache is empty." if empty else None
    actions.button("Refresh", _refresh, key="refresh-cache", icon="refresh")
    actions.button(
        "Verify all",
        _verify_all,
        key="verify-cache",
        icon="fact_check",
        disabled=empty,
        help=nothing or "Compare every file with the publisher's hash, offline.",
    )
    actions.button(
        "Prune",
        cache_dialog.ask,
        PlanRequest(PlanKind.PRUNE),
        key="prune-cache",
        icon="content_cut",
        disabled=empty,
        help=nothing or "Partial files, and revisions that no branch or tag names.",
    )
    actions.button(
        "Clear Cache",
        cache_dialog.ask,
        PlanRequest(PlanKind.EVERYTHING),
        key="clear-cache",
        icon="delete_sweep",
        disabled=empty,
        help=nothing or "Everything that nobody needs; a plan is shown first.",
    )


def _draw_warnings(report: CacheReport) -> None:
    for warning in report.warnings[:SHOWN_WARNINGS]:
        st.warning(plain(warning), icon=":material/warning:")
    more = len(report.warnings) - SHOWN_WARNINGS
    if more > 0:
        st.caption(f"And {formats.count(more, 'further warning')}; each repository shows its own.")


def _refresh(principal: Principal) -> str:
    current().cache.refresh(principal)
    return "The cache was read anew."


def _verify_all(principal: Principal) -> str:
    current().cache.verification.start(principal)
    return "Every file is being compared with the publisher's hash."
