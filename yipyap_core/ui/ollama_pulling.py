"""Pulling Ollama models: the text field, and the recent pulls with their progress."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Mapping, Sequence
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.jobs import Failure, Phase
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import current
from yipyap_core.services.ollama.pulls import PullView
from yipyap_core.ui import actions, formats, pictures
from yipyap_core.ui.formats import plain
from yipyap_core.ui.live import Live
from yipyap_core.ui.model_row import draw_failure
from yipyap_core.ui.states import Look, is_moving, look_of

SHOWN: Final = 6
NAME: Final = "pull-name"
PLACE: Final = "ollama-pull"
WAITING: Final = Look("Waiting for Ollama", "orange", "hourglass_empty")

Running = tuple[tuple[str, str], ...]
"""Ids and phases of the pulls that run or wait."""


def draw_box(*, enabled: bool) -> None:
    """Draw the field and the button that pull."""
    st.subheader("Pull New Model", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container():
            st.text_input(
                "Model name",
                key=NAME,
                placeholder="llama2:7b",
                autocomplete="off",
                help="Several names may be separated by commas. A pasted `ollama run x` is"
                " understood.",
            )
        actions.button(
            "Pull Model",
            _pull,
            key="pull-model",
            icon="download",
            type="primary",
            place=PLACE,
            disabled=not enabled,
            help=None if enabled else "The service has to be available first.",
        )
    actions.show_notices(PLACE)


def draw_live(principal: Principal) -> Live:
    """Draw the pulls that run, with a heading, for the page of all downloads."""
    pulls = current().ollama.pulls
    drawn = pulls.running(principal)
    running = [pulls.get(principal, pull_id) for pull_id, _ in drawn]
    if running:
        st.subheader("Ollama pulls", anchor=False)
    slots = {one.pull_id: draw_row(one) for one in running}
    moving = {pull_id: slot for pull_id, slot in slots.items() if slot is not None}
    return live(principal, moving, drawn)


def draw_recent(pulls: Sequence[PullView]) -> dict[str, DeltaGenerator]:
    """Draw live pulls and the latest others; return the slots of the bars that move."""
    live = [one for one in pulls if one.status.status is DownloadState.DOWNLOADING]
    others = [one for one in pulls if one not in live]
    shown = _latest_of_each([*live, *others])[: max(SHOWN, len(live))]
    slots = {one.pull_id: draw_row(one) for one in shown}
    return {pull_id: slot for pull_id, slot in slots.items() if slot is not None}


def draw_row(pull: PullView) -> DeltaGenerator | None:
    """Draw one pull; return the slot of its bar when it moves."""
    look = WAITING if pull.waits else look_of(pull.status)
    with st.container(border=True, gap="xsmall", key=f"pull-{pull.pull_id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{plain(pull.name)}**", width="content")
                st.badge(look.label, icon=f":material/{look.icon}:", color=look.colour)
                st.caption(_when(pull), width="content")
            _draw_action(pull)
        slot = st.empty()
        if pull.status.error and pull.status.status is DownloadState.FAILED:
            with slot.container():
                draw_failure(pull.status.error, pull.status.progress.bytes_done)
        elif pull.status.error and pull.waits:
            _draw_wait(pull, pull.status.error)
        elif pull.status.error and is_moving(pull.status):
            reason = plain(pull.status.error.message.rstrip("."))
            st.caption(f"{reason}: it is asked for again by itself.")
    return slot if is_moving(pull.status) else None


def live(principal: Principal, slots: Mapping[str, DeltaGenerator], drawn: Running) -> Live:
    """Keep the bars up to date; a pull that began or ended asks for the whole page.

    `drawn` is what ran before the rows were drawn, so that no end in between is missed.
    """
    pulls = current().ollama.pulls

    def paint() -> None:
        for pull_id, slot in slots.items():
            view = pulls.get(principal, pull_id)
            speeds = pulls.speeds(principal, pull_id)
            slot.progress(view.status.progress.percent / 100, text=words(view, speeds))

    def structure() -> Hashable:
        return pulls.running(principal)

    def moving() -> bool:
        return any(phase != Phase.PAUSED.value for _, phase in pulls.running(principal))

    return Live(paint=paint, structure=structure, is_moving=moving, drawn=drawn)


def words(pull: PullView, speeds: Sequence[float]) -> str:
    """The figures of a pull: percentage, bytes of all layers so far, speed, time left."""
    progress, look = pull.status.progress, look_of(pull.status)
    if progress.bytes_total <= 0:
        return f":{look.colour}[{look.label}]"
    parts = [f"**{formats.percent(progress.percent)}**", formats.done_of_total(progress)]
    if pull.status.phase is Phase.TRANSFERRING:
        parts.append(
            f"{formats.speed(progress.speed_bps)} {pictures.line(speeds, 'recent speeds')}"
        )
        parts.append(formats.remaining(progress.eta_seconds))
    else:
        parts.append(f":{look.colour}[{look.label}]")
    return " · ".join(parts)


def _latest_of_each(pulls: Sequence[PullView]) -> list[PullView]:
    """One pull a name: a success, or one that runs, hides the failures before it."""
    latest: dict[str, PullView] = {}
    for pull in pulls:
        latest.setdefault(pull.name, pull)
    return list(latest.values())


def _draw_wait(pull: PullView, failure: Failure) -> None:
    progress = pull.status.progress
    so_far = f" {formats.done_of_total(progress)} so far." if progress.bytes_total else ""
    st.caption(
        f"{plain(failure.message)}: the pull goes on by itself when it answers again.{so_far}",
        help=plain(failure.hint),
    )


def _when(pull: PullView) -> str:
    moment = pull.status.finished_at or pull.status.started_at
    if moment is None:
        return f"asked for by {plain(pull.actor)}"
    ago = formats.ago(moment, dt.datetime.now(dt.UTC))
    return f"{ago} by {plain(pull.actor)}"


def _draw_action(pull: PullView) -> None:
    with st.container(horizontal=True, width="content"):
        if pull.status.status is DownloadState.DOWNLOADING:
            actions.button(
                "Cancel",
                _cancel,
                pull.pull_id,
                key=f"cancel-{pull.pull_id}",
                icon="close",
                type="tertiary",
                help="Layers that have arrived stay with Ollama for a while.",
            )
        elif pull.status.status is not DownloadState.COMPLETED:
            actions.button(
                "Retry",
                _retry,
                pull.pull_id,
                key=f"retry-{pull.pull_id}",
                icon="refresh",
                help="Ollama goes on from the layers that it has.",
            )


def _pull(principal: Principal) -> str:
    text = str(st.session_state.get(NAME) or "")
    started = current().ollama.pulls.start_many(principal, text)
    st.session_state[NAME] = ""
    return f"{plain(', '.join(one.name for one in started))}: being pulled."


def _cancel(principal: Principal, pull_id: str) -> str:
    return f"{plain(current().ollama.pulls.cancel(principal, pull_id).name)}: cancelled."


def _retry(principal: Principal, pull_id: str) -> str:
    return f"{plain(current().ollama.pulls.retry(principal, pull_id).name)}: asked for again."
