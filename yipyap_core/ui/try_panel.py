"""Try before saving: a picture, run with the saved settings and with the edits, side by side."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.configs import ConfigView
from yipyap_core.domain.engines import EngineState
from yipyap_core.domain.users import Principal
from yipyap_core.errors import NotDownloaded, NotFound
from yipyap_core.families.base import Family
from yipyap_core.families.fields import fields_of
from yipyap_core.services.container import current
from yipyap_core.ui import (
    actions,
    config_draft,
    model_list,
    try_engine,
    try_missing,
    try_params,
    try_picture,
    try_results,
    try_runs,
    try_sides,
    try_tasks,
)
from yipyap_core.ui.config_draft import Draft
from yipyap_core.ui.formats import plain
from yipyap_core.ui.live import Live, joined
from yipyap_core.ui.try_runs import Attempt, Side, Trial
from yipyap_core.ui.try_sides import SidePlan

PLACE: Final = "try"
TITLES: Final = {Side.SAVED: "Saved settings", Side.DRAFT: "With your edits"}
NEEDED_BY: Final = {
    Side.SAVED: "The saved settings need it.",
    Side.DRAFT: "Your edits choose it.",
}


@dataclass
class Panel:
    """What one run of the page has laid out, and the slots it left for what moves."""

    principal: Principal
    family: Family
    view: ConfigView
    draft: Draft
    plans: tuple[SidePlan, ...]
    laid_out: Hashable
    """How everything stood before anything was drawn."""
    loading: dict[str, DeltaGenerator] = field(default_factory=dict)
    """Model id -> the slot of its load's bar."""
    running: dict[Side, DeltaGenerator] = field(default_factory=dict)
    offered: dict[str, DeltaGenerator] = field(default_factory=dict)
    """Model id -> the slot of its download's bar, among the controls."""
    offered_again: dict[str, DeltaGenerator] = field(default_factory=dict)
    """The same beside the answers."""

    def plan_of(self, side: Side) -> SidePlan | None:
        """What a side would run; None where there is nothing to try."""
        return next((one for one in self.plans if one.side is side), None)

    def engines(self) -> dict[str, SidePlan]:
        """The first model of each side; models that run together share one engine."""
        found: dict[str, SidePlan] = {}
        for plan in self.plans:
            known = {one for other in found.values() for one in other.model_ids}
            for model_id in plan.model_ids[:1]:
                if model_id not in known:
                    found[model_id] = plan
        return found


def begin(principal: Principal, family: Family, view: ConfigView) -> Panel:
    """Look once at everything that may move; the form has to stand already."""
    draft = config_draft.of(view, family.config)
    plans = try_sides.plans(family, view, draft)
    return Panel(principal, family, view, draft, plans, laid_out=_standing(family.id))


def draw_controls(panel: Panel) -> None:
    """Draw the engines, what is missing, the picture and the button."""
    with st.container(border=True, gap="small", key=f"try-{panel.family.id}"):
        st.markdown("**Try before saving**")
        try:
            _draw_engines(panel)
        except NotFound:
            st.caption(f"Nothing here runs {plain(panel.family.name)}.")
            return
        _draw_offers(panel)
        shown = try_picture.draw(try_params.region(panel.family))
        try_params.draw(panel.family, shown)
        _draw_buttons(panel, has_picture=shown is not None)
        actions.show_notices(PLACE)


def draw_results(panel: Panel) -> None:
    """Draw both sides once a picture was run, side by side where there is room."""
    trial = try_runs.present(panel.family.id)
    if trial is None:
        return
    with st.container(border=True, key=f"tried-{panel.family.id}"):
        for side, column in zip(Side, st.columns(2, gap="medium"), strict=True):
            with column:
                _draw_side(panel, trial, side)


def live(panel: Panel) -> Live:
    """Loads and runs that move; whatever ends asks for the whole page."""

    def paint() -> None:
        if _standing(panel.family.id) != panel.laid_out:
            st.rerun()
        _paint(panel)

    own = Live(
        paint=paint,
        structure=lambda: _standing(panel.family.id),
        is_moving=lambda: _any_moves(panel),
    )
    return joined(own, model_list.live(panel.offered), model_list.live(panel.offered_again))


def _standing(family_id: str) -> Hashable:
    """What the layout depends on; cheap, no store is asked."""
    trial = try_runs.present(family_id)
    done = tuple(one.task.is_running for one in trial.attempts) if trial else None
    return current().engines.generation, done, try_tasks.running()


def _any_moves(panel: Panel) -> bool:
    trial = try_runs.present(panel.family.id)
    if (trial and trial.is_running) or try_tasks.running():
        return True
    engines = current().engines
    workers = (engines.worker(panel.principal, model_id) for model_id in panel.engines())
    return any(one is not None and one.state is EngineState.LOADING for one in workers)


def _paint(panel: Panel) -> None:
    for model_id, slot in panel.loading.items():
        with slot:
            try_engine.paint(current().engines.worker(panel.principal, model_id))
    trial = try_runs.present(panel.family.id)
    for side, slot in panel.running.items():
        attempt = trial.of(side) if trial else None
        if attempt is not None:
            with slot:
                _paint_running(panel, attempt)


def _paint_running(panel: Panel, attempt: Attempt) -> None:
    """Say what is awaited: the load, or the seconds of the run; then the text so far."""
    waited = try_engine.seconds(attempt.task.seconds)
    words = f"Writing · {waited}" if attempt.pieces else f"Running · {waited}"
    plan = panel.plan_of(attempt.side) or panel.plans[0]
    if not attempt.pieces and plan.model_ids:
        worker = current().engines.worker(panel.principal, plan.model_ids[0])
        if worker is not None and worker.state is EngineState.LOADING:
            words = f"{try_engine.load_words(worker)} · {waited}"
    st.caption(f":blue[:material/hourglass_top:] {words}")
    if attempt.pieces:
        with st.container(key=f"writing-{attempt.side}"):
            st.code("".join(attempt.pieces), language=None, wrap_lines=True)


def _draw_engines(panel: Panel) -> None:
    """Draw a line for the model of the saved settings, and for that of the edits if another."""
    engines = panel.engines()
    for model_id, plan in engines.items():
        status = current().engines.status(panel.principal, model_id)
        title = f"{TITLES[plan.side]}: {status.name}" if len(engines) > 1 else ""
        slot = try_engine.draw(status, can_load=not plan.missing, title=title)
        if slot is not None:
            panel.loading[model_id] = slot


def _draw_offers(panel: Panel) -> None:
    """Offer the downloads of what either side needs and is not here, each model once."""
    wanted = {model_id: plan.side for plan in reversed(panel.plans) for model_id in plan.missing}
    for model_id, side in sorted(wanted.items(), key=lambda item: item[1] is Side.DRAFT):
        slot = try_missing.draw(model_id, NEEDED_BY[side], scope="try-")
        if slot is not None:
            panel.offered[model_id] = slot


def _draw_buttons(panel: Panel, *, has_picture: bool) -> None:
    family, trial = panel.family, try_runs.present(panel.family.id)
    if trial is not None and trial.is_running:
        actions.button("Cancel", _cancel, family.id, key=f"try-cancel-{family.id}", icon="close")
        return
    ready = [plan.side for plan in panel.plans if not plan.missing]
    reason = "" if has_picture else "Choose an image first."
    if not ready:
        reason = "Download the model first."
    actions.button(
        _run_label(panel, ready),
        _run,
        family.id,
        key=f"try-run-{family.id}",
        place=PLACE,
        icon="play_arrow",
        type="primary",
        disabled=bool(reason),
        help=reason or "Runs the image with the saved settings, and with your edits beside them.",
    )


def _run_label(panel: Panel, ready: list[Side]) -> str:
    """Say what the button runs, as soon as there is something to tell apart."""
    if not panel.draft.edits or not ready:
        return "Run"
    if len(ready) > 1:
        return "Run saved and edited"
    return "Run the saved settings" if Side.SAVED in ready else "Run your edits"


def _draw_side(panel: Panel, trial: Trial, side: Side) -> None:
    attempt = trial.of(side)
    st.markdown(f"**{TITLES[side]}**")
    if attempt is None:
        _draw_not_run(panel, side)
        return
    if asked := try_params.said(panel.family, attempt.params):
        st.caption(asked)
    if values := try_sides.values_of(panel.family, panel.view, panel.draft, trial, side):
        st.caption(values)
    if attempt.task.is_running:
        panel.running[side] = st.container()
        return
    other = trial.of(Side.DRAFT if side is Side.SAVED else Side.SAVED)
    with st.container(key=f"answer-{side}"):
        try_results.draw(panel.family, trial, attempt, other)


def _draw_not_run(panel: Panel, side: Side) -> None:
    """Say why there is no answer, and what brings one."""
    plan = panel.plan_of(side)
    if plan is not None and plan.missing:
        st.caption("Not run: its model is not here.")
        for model_id in plan.missing:
            slot = try_missing.draw(model_id, NEEDED_BY[side], scope=f"{side}-")
            if slot is not None:
                panel.offered_again[model_id] = slot
    elif side is Side.SAVED:
        st.caption("Not run with these; run again to compare.")
    else:
        _draw_draft_not_run(panel)


def _draw_draft_not_run(panel: Panel) -> None:
    reasons = panel.draft.reasons()
    labels = {one.name: one.label for one in fields_of(panel.family.config)}
    if reasons:
        st.warning("The edits do not fit yet, so they were not run.")
        for name, why in reasons.items():
            st.markdown(f"- {plain(labels.get(name, name))}: {plain(why)}")
    elif panel.draft.edits:
        st.caption("Edited after the run; run again to see what the edits change.")
    else:
        st.caption("Nothing is edited: both sides are the same. Change a setting and run again.")


def _run(principal: Principal, family_id: str) -> None:
    """Run what the form holds at this moment; a side that cannot run is left out."""
    services = current()
    family = next(one for one in services.registry.families() if one.id == family_id)
    view = services.configuration.get(principal, family_id)
    plans = try_sides.plans(family, view, config_draft.collected(family_id))
    wanted = {plan.side: plan.edits for plan in plans if not plan.missing}
    if not wanted:
        raise NotDownloaded("Neither side has its model here.")
    try_runs.begin(principal, family, view.config, wanted, try_params.collected(family))


def _cancel(_principal: Principal, family_id: str) -> None:
    try_runs.cancel(family_id)
