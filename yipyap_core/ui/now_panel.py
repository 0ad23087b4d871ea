"""What runs and what failed, with the next step; nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.services.container import Services
from yipyap_core.ui import download_actions, model_list, snapshot
from yipyap_core.ui.links import link
from yipyap_core.ui.live import Live
from yipyap_core.ui.states import rank

SHOWN_FAILURES = 5


def draw(services: Services) -> Live:
    """Draw the rows of live and failed downloads; return their moving part."""
    statuses = snapshot.statuses()
    chosen = _chosen(statuses)
    st.subheader("Now", anchor=False)
    download_actions.draw_disabled(statuses)
    if not chosen:
        states = {status.status for status in statuses.values()}
        _draw_quiet(DownloadState.COMPLETED in states, DownloadState.DISABLED in states)
    specs = {spec.id: spec for spec in services.registry.models()}
    rows = [specs[model_id] for model_id in chosen if model_id in specs]
    slots = model_list.draw_rows(rows, statuses, services.settings.hub_endpoint)
    return model_list.live(slots)


def _chosen(statuses: Mapping[str, DownloadStatus]) -> list[str]:
    live = [one for one in statuses.values() if one.status is DownloadState.DOWNLOADING]
    failed = [one.model_id for one in statuses.values() if one.status is DownloadState.FAILED]
    return [one.model_id for one in sorted(live, key=rank)] + failed[:SHOWN_FAILURES]


def _draw_quiet(something_is_here: bool, is_disabled: bool) -> None:
    with st.container(border=True, gap="xsmall"):
        if something_is_here:
            st.markdown("Nothing runs, and nothing has failed.")
        elif is_disabled:
            st.markdown("**No model is here yet**, and none may be downloaded.")
        else:
            st.markdown("**No model is here yet.** Start with a small one, such as YOLO11 Nano.")
        link("downloads", "Choose models to download", icon="download")
