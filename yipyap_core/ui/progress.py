"""A bar with its figures for a download that moves, and a line on what a stop would keep."""

from __future__ import annotations

import streamlit as st

from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.jobs import Phase, Progress
from yipyap_core.services.container import current
from yipyap_core.ui import formats, pictures
from yipyap_core.ui.states import look_of


def draw(status: DownloadStatus) -> None:
    """Draw badge-free progress: the figures as the bar's text, and what pause and cancel keep."""
    st.progress(status.progress.percent / 100, text=words(status))
    kept = kept_words(status.progress)
    if kept:
        st.caption(kept if status.phase is Phase.PAUSED else f"If stopped now: {kept}")


def kept_words(progress: Progress) -> str:
    """What a stop would keep; empty where it is not known, or the whole bar says it."""
    if progress.whole_bytes is None or progress.bytes_done <= 0:
        return ""
    return formats.kept(
        progress.files_done,
        progress.files_total,
        progress.whole_bytes,
        progress.bytes_done - progress.whole_bytes - progress.fleeting_bytes,
        progress.unfinished_files,
        progress.fleeting_bytes,
    )


def words(status: DownloadStatus) -> str:
    """The figures of a live download, widest first: percentage, bytes, speed, time left."""
    look, progress = look_of(status), status.progress
    if progress.bytes_total <= 0:
        return f":{look.colour}[{look.label}]"
    parts = [f"**{formats.percent(progress.percent)}**", formats.done_of_total(progress)]
    if status.phase is Phase.TRANSFERRING:
        graph = pictures.line(current().downloads.speeds(status.model_id), "recent speeds")
        parts.append(f"{formats.speed(progress.speed_bps)} {graph}")
        parts.append(formats.remaining(progress.eta_seconds))
    else:
        parts.append(f":{look.colour}[{look.label}]")
    if status.phase is Phase.VERIFYING and progress.unhashed_bytes:
        parts.append(f"{formats.size(progress.unhashed_bytes)} left to check")
    return " · ".join(parts)
