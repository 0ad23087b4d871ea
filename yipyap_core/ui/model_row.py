"""One model and its download as a card: what it is, how it stands, what can be done next."""

from __future__ import annotations

from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.domain.jobs import Failure, Phase
from yipyap_core.domain.models import ModelSpec
from yipyap_core.ui import actions, download_actions, formats, model_details, progress
from yipyap_core.ui.formats import plain
from yipyap_core.ui.states import is_moving, look_of

RESTING: Final = frozenset({DownloadState.NOT_STARTED, DownloadState.DISABLED})


def draw(spec: ModelSpec, status: DownloadStatus, hub: str) -> DeltaGenerator | None:
    """Draw the row; return the slot of the bar of one that moves. `hub` is the links' address."""
    with st.container(border=True, gap="xsmall", key=f"row-{spec.id}"):
        _draw_head(spec, status)
        st.caption(_facts(spec, status, hub))
        bar = st.container()
        _draw_rest(bar, status)
        _draw_trouble(status)
        actions.show_notices(download_actions.place_of(spec.id))
        model_details.draw(spec, status)
    return bar if is_moving(status) else None


def _draw_head(spec: ModelSpec, status: DownloadStatus) -> None:
    look = look_of(status)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{plain(spec.name)}**", width="content")
            st.badge(look.label, icon=f":material/{look.icon}:", color=look.colour)
        with st.container(horizontal=True, width="content", gap="xsmall"):
            download_actions.draw_buttons(spec, status)
            model_details.draw_button(spec)


def _facts(spec: ModelSpec, status: DownloadStatus, hub: str) -> str:
    page = f"{hub}/{spec.repo_id}"
    parts = [plain(spec.description), f"[{plain(spec.repo_id)}]({page})", _size(spec, status)]
    if spec.gated:
        parts.append(":orange[gated]")
    return " · ".join(part for part in parts if part)


def _size(spec: ModelSpec, status: DownloadStatus) -> str:
    if status.progress.bytes_total:
        return formats.size(status.progress.bytes_total)
    return f"about {formats.size(spec.size_bytes)}" if spec.size_bytes else "size not known yet"


def _draw_rest(bar: DeltaGenerator, status: DownloadStatus) -> None:
    """Draw what a download that does not move has left behind."""
    with bar:
        if status.status is DownloadState.FAILED and status.error:
            draw_failure(status.error, status.resumable_bytes)
            return
        if status.phase is Phase.PAUSED:
            progress.draw(status)
        elif status.status in RESTING and status.resumable_bytes:
            st.caption(f"{formats.size(status.resumable_bytes)} are kept; a start goes on there.")


def draw_failure(failure: Failure, kept_bytes: int) -> None:
    """Draw why a download failed: what happened, what is kept, the next step."""
    kept = f"\n\n{formats.size(kept_bytes)} are kept." if kept_bytes else ""
    st.error(_words(failure, kept), icon=":material/error:")


def _draw_trouble(status: DownloadStatus) -> None:
    """Draw why a live download waits: it goes on by itself, so this is no failure."""
    waits = status.phase in {Phase.PAUSED, Phase.QUEUED}
    if status.error and waits and status.status is DownloadState.DOWNLOADING:
        st.warning(_words(status.error), icon=":material/hourglass_empty:")


def _words(failure: Failure, kept: str = "") -> str:
    sentence = f"**{plain(failure.message)}**{kept} {plain(failure.hint)}"
    return f"{sentence} :gray[:small[{plain(failure.code)}]]"
