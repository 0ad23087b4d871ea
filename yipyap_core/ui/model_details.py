"""The facts and the timeline of one download, read only when somebody opens them."""

from __future__ import annotations

from typing import Final

import streamlit as st

from yipyap_core.domain.download_history import DownloadRecord
from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.models import ModelSpec
from yipyap_core.services.container import current
from yipyap_core.ui import download_connections, download_files, formats, session, timeline
from yipyap_core.ui.formats import NOTHING, plain

_OPEN: Final = "yipyap.details"


def is_open(model_id: str) -> bool:
    """Whether somebody has opened the details of this model in this tab."""
    return model_id in st.session_state.get(_OPEN, set())


def _toggle(model_id: str) -> None:
    st.session_state.setdefault(_OPEN, set()).symmetric_difference_update({model_id})


def draw_button(spec: ModelSpec) -> None:
    """Draw the button that opens and closes the details."""
    opened = is_open(spec.id)
    st.button(
        "Details",
        key=f"details-{spec.id}",
        type="tertiary",
        icon=":material/expand_less:" if opened else ":material/expand_more:",
        icon_position="right",
        on_click=_toggle,
        args=(spec.id,),
    )


def draw(spec: ModelSpec, status: DownloadStatus) -> None:
    """Draw the facts and the timeline, when they are open."""
    if not is_open(spec.id):
        return
    with st.container(border=True, gap="xsmall"):
        st.markdown(_facts(spec, status))
        events = current().downloads.timeline(spec.id)
        if events:
            st.markdown("\n".join(timeline.line(event, session.zone()) for event in events))
        else:
            st.caption("Nothing has happened to this download yet.")
        download_files.draw(spec, status)


def _facts(spec: ModelSpec, status: DownloadStatus) -> str:
    zone = session.zone()
    finished = formats.exact_time(status.finished_at, zone) if status.finished_at else NOTHING
    commit = f" at `{status.resolved_commit[:12]}`" if status.resolved_commit else ""
    checked = "yes" if status.verified else "not yet"
    files = f"{status.progress.files_done} of {status.progress.files_total}"
    facts = (
        ("Id", f"`{spec.id}`"),
        ("Licence", plain(spec.license) or NOTHING),
        ("Revision", f"{plain(spec.revision)}{commit}"),
        ("Files", files if status.progress.files_total else NOTHING),
        ("Current file", plain(status.progress.current_file or NOTHING)),
        ("Attempt", str(status.attempt) if status.attempt else NOTHING),
        ("Connections", _connections(spec.id)),
        ("Hashes checked", checked),
        ("Finished", finished),
        ("Note", plain(spec.note)),
    )
    return "  \n".join(
        f":gray[{label}] {value}" for label, value in facts if value != NOTHING and value
    )


def _connections(model_id: str) -> str:
    """What the last job used so far."""
    jobs = current().downloads.history(model_id, 1)
    return download_connections.words(DownloadRecord(jobs[0]).connections) if jobs else ""
