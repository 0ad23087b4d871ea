"""Past downloads in a dialog: who, when, how long, how fast, and how each ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

import streamlit as st

from yipyap_core.domain.download_history import DownloadRecord
from yipyap_core.domain.jobs import JobState, Phase
from yipyap_core.domain.users import Role
from yipyap_core.errors import NotFound
from yipyap_core.services.container import Services, current
from yipyap_core.ui import (
    boundary,
    dialogs,
    download_connections,
    formats,
    session,
    states,
    timeline,
)
from yipyap_core.ui.formats import NOTHING, plain
from yipyap_core.ui.guard import admit
from yipyap_core.ui.states import Look

HISTORY: Final = "download-history"
SHOWN_AT_FIRST: Final = 15
SHOWN_AT_MOST: Final = 100

LOOKS: Final[Mapping[JobState, Look]] = {
    JobState.DONE: Look("Verified", "green", "check_circle"),
    JobState.FAILED: states.FAILED,
    JobState.CANCELLED: states.CANCELLED,
    JobState.PAUSED: states.LOOKS_OF_PHASES[Phase.PAUSED],
    JobState.RUNNING: states.RUNNING,
    JobState.QUEUED: states.LOOKS_OF_PHASES[Phase.QUEUED],
}


def draw_button() -> None:
    """Draw the button that opens the history."""
    st.button(
        "History",
        key="open-download-history",
        icon=":material/history:",
        type="tertiary",
        on_click=dialogs.ask,
        args=(HISTORY,),
        help="Past downloads with their timelines, the newest first.",
    )


def draw() -> None:
    """Draw the history when it is open."""
    if dialogs.asked(HISTORY) is not None:
        _show()


@st.dialog("History", icon=":material/history:", width="medium", on_dismiss=dialogs.close)
def _show() -> None:
    admit(Role.ADMIN)
    boundary.contained(lambda: _draw_records(current()))


def _draw_records(services: Services) -> None:
    jobs = services.downloads.history(None, SHOWN_AT_MOST)
    if not jobs:
        st.caption("Nothing was downloaded yet; start a download and it is listed here.")
        return
    rest = len(jobs) - SHOWN_AT_FIRST
    show_all = rest > 0 and st.toggle(f"Show {len(jobs)} instead of {SHOWN_AT_FIRST}")
    names = services.accounts.display_names()
    for job in jobs if show_all else jobs[:SHOWN_AT_FIRST]:
        _draw_record(services, DownloadRecord(job), names)


def _draw_record(services: Services, record: DownloadRecord, names: Mapping[str, str]) -> None:
    job = record.job
    actor = names.get(job.actor, job.actor)
    at = formats.clock_time(job.created_at, dt.datetime.now(dt.UTC), session.zone())
    label = heading(record, _model_name(services, job.subject), actor, at)
    key = f"download-history-{job.id}"
    with st.expander(label, key=key, type="compact", on_change="rerun") as line:
        if line.open:
            st.markdown(facts(record, session.zone()))
            events = services.downloads.job_timeline(job.id)
            st.markdown("\n".join(timeline.line(event, session.zone()) for event in events))


def heading(record: DownloadRecord, model: str, actor: str, at: str) -> str:
    """Say one download in one line: what, how it ended, who, when, how long, speed, size.

    A line whose words move closes again under the hand that opened it: so the time is that of the
    clock, and how long and how fast are said at the end.
    """
    look, job = LOOKS[record.job.state], record.job
    size_bytes = job.progress.bytes_total
    figures = (
        f"{plain(actor)}, {at}",
        *(() if job.is_live else _speed_figures(record)),
        formats.size(size_bytes) if size_bytes else "",
        "" if job.is_live else download_connections.widest(record.connections),
    )
    said = " · ".join(figure for figure in figures if figure)
    return f"{look.dot} **{plain(model)}** {look.label} :gray[{said}]"


def _speed_figures(record: DownloadRecord) -> tuple[str, ...]:
    speed = record.mean_speed_bps
    return _duration(record.seconds), f"{formats.speed(speed)} on average" if speed else ""


def _duration(seconds: float) -> str:
    if seconds <= 0:
        return ""
    return formats.duration(seconds) if seconds >= 1 else f"under {formats.duration(1)}"


def facts(record: DownloadRecord, zone: str | None) -> str:
    """Say one download in full, with the reason and the next step where it failed."""
    job, failure = record.job, record.failure
    rows = (
        ("Why", plain(f"{failure.message} {failure.hint}") if failure else NOTHING),
        ("Asked for", formats.exact_time(job.created_at, zone)),
        ("Ended", formats.exact_time(job.finished_at, zone) if job.finished_at else NOTHING),
        ("At work", (job.is_live and _duration(record.seconds)) or NOTHING),
        ("Files", f"{job.progress.files_done} of {job.progress.files_total}"),
        ("Bytes", formats.done_of_total(job.progress)),
        ("From the network", formats.exact_size(job.fetched_bytes)),
        ("Connections", download_connections.words(record.connections) or NOTHING),
        ("Attempts", str(job.attempt)),
        ("Hashes checked", "yes, all" if record.is_verified else "not all"),
    )
    return "  \n".join(f":gray[{label}] {value}" for label, value in rows if value != NOTHING)


def _model_name(services: Services, model_id: str) -> str:
    """The model's name; its id when it was forgotten since."""
    try:
        return services.registry.get(model_id).name
    except NotFound:
        return model_id
