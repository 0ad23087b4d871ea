"""What is safe to remove, ranked; the chosen ones become one plan."""

from __future__ import annotations

from typing import Final

import streamlit as st

from yipyap_core.domain.deletion import PlanKind, PlanRequest
from yipyap_core.domain.reclaim import ReclaimKind, Suggestion
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import Services
from yipyap_core.ui import actions, cache_dialog, formats
from yipyap_core.ui.formats import plain

TITLES: Final = {
    ReclaimKind.PARTIAL: "Partial files",
    ReclaimKind.UNREFERENCED: "Files that no revision names",
    ReclaimKind.SHARED: "Shared contents that nothing links to",
    ReclaimKind.DETACHED: "Detached revisions",
    ReclaimKind.PICKLE_TWIN: "Pickle twins of safetensors",
    ReclaimKind.UNUSED: "Not used for long",
}
CHECKED: Final = frozenset(
    {ReclaimKind.PARTIAL, ReclaimKind.UNREFERENCED, ReclaimKind.SHARED, ReclaimKind.DETACHED}
)
"""Kinds that are chosen from the start: nobody can miss them."""


def draw(services: Services, principal: Principal) -> None:
    """Draw the suggestions by kind, safest first, and the button that plans."""
    days = st.number_input(
        "Not used for days",
        min_value=1,
        max_value=3650,
        value=60,
        key="reclaim-days",
        width=180,
        help="By our own record of loads; where there is none, by the files' access times.",
    )
    with st.spinner("Looking for what can go", show_time=True):
        found = services.cache.reclaimable(principal, int(days))
    if not found:
        st.info("Nothing to reclaim: everything here is needed.", icon=":material/check_circle:")
        return
    chosen: list[Suggestion] = []
    for kind in ReclaimKind:
        of_kind = [one for one in found if one.kind is kind]
        if of_kind:
            chosen += _draw_kind(kind, of_kind)
    _draw_plan_button(chosen)


def _draw_kind(kind: ReclaimKind, found: list[Suggestion]) -> list[Suggestion]:
    size = formats.size(sum(one.bytes for one in found))
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"**{TITLES[kind]}** :gray[{size}]")
        return [one for one in found if _draw_choice(one)]


def _draw_choice(one: Suggestion) -> bool:
    with st.container(horizontal=True, vertical_alignment="center"):
        registry = " · a registered model comes from here" if one.in_registry else ""
        with st.container():
            chosen = st.checkbox(
                f"{plain(one.repo_id)} :gray[{plain(one.reason)}{registry}]",
                value=one.kind in CHECKED,
                key=f"reclaim-{one.id}",
            )
        st.markdown(formats.size(one.bytes), help=formats.exact_size(one.bytes), width="content")
    return chosen


def _draw_plan_button(chosen: list[Suggestion]) -> None:
    ids = tuple(one.id for one in chosen)
    actions.button(
        f"Plan for {formats.count(len(ids), 'suggestion')}",
        cache_dialog.ask,
        PlanRequest(PlanKind.RECLAIM, choices=ids),
        key="reclaim-plan",
        icon="rule",
        type="primary",
        disabled=not ids,
        help="Choose something first." if not ids else "Nothing is deleted before you confirm.",
    )
