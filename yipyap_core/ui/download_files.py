"""One file of a model fetched anew, for when a single file was damaged or goes on failing."""

from __future__ import annotations

from typing import Final

import streamlit as st

from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.domain.models import ModelSpec
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import current
from yipyap_core.ui import actions
from yipyap_core.ui.formats import plain

OFFERED: Final = frozenset(
    {DownloadState.DOWNLOADING, DownloadState.FAILED, DownloadState.COMPLETED}
)
"""States in which the files of a model are known, as a rule."""


def draw(spec: ModelSpec, status: DownloadStatus) -> None:
    """Draw the choice behind a button; the names of the files are read when it is opened."""
    if status.status not in OFFERED:
        return
    key = f"files-{spec.id}"
    label, icon = "Fetch one file anew", ":material/restart_alt:"
    with st.popover(label, key=key, type="tertiary", icon=icon, on_change="rerun") as menu:
        if menu.open:
            _draw_choice(spec, status)


def _draw_choice(spec: ModelSpec, status: DownloadStatus) -> None:
    paths = current().downloads.file_names(spec.id)
    if not paths:
        st.caption("The files are known as soon as the hub has answered.")
        return
    busy_with = status.progress.current_file
    path = st.selectbox(
        "File",
        paths,
        index=paths.index(busy_with) if busy_with in paths else 0,
        key=f"file-{spec.id}",
        help="An unfinished file begins again; a whole one is hashed, and replaced if damaged.",
    )
    actions.button(
        "Start over",
        _restart,
        spec.id,
        path,
        key=f"restart-file-{spec.id}",
        place=f"model-{spec.id}",
        icon="restart_alt",
        help="All other files keep what they have.",
    )


def _restart(principal: Principal, model_id: str, path: str) -> str:
    services = current()
    services.downloads.restart_file(principal, model_id, path)
    return f"{plain(services.registry.get(model_id).name)}: {plain(path)} starts over."
