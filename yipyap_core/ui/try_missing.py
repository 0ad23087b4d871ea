"""A model that a trial needs and that is not here: its download, offered where it is missed."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.downloads import DownloadState
from yipyap_core.services.container import current
from yipyap_core.ui import actions, download_actions, model_row, snapshot
from yipyap_core.ui.formats import plain
from yipyap_core.ui.states import is_moving


def draw(model_id: str, why: str, *, scope: str) -> DeltaGenerator | None:
    """Draw what is missing, `why` it is needed, and its download; return the slot of a bar.

    `scope` tells this offer from others of the same model on the page.
    """
    spec, status = current().registry.get(model_id), snapshot.statuses()[model_id]
    with st.container(border=True, gap="xsmall", key=f"{scope}missing-{model_id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            moves = status.status is DownloadState.DOWNLOADING
            how = "is not here yet." if moves else "is not downloaded."
            st.markdown(f"**{plain(spec.name)}** {how} {why}", width="stretch")
            download_actions.draw_buttons(spec, status, scope=scope)
        actions.show_notices(scope + download_actions.place_of(model_id))
        slot = st.container()
        if status.status is DownloadState.FAILED and status.error:
            with slot:
                model_row.draw_failure(status.error, status.resumable_bytes)
    return slot if is_moving(status) else None
