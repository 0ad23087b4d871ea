"""The queue beside the downloads: its limits, in force at once, and who comes next."""

from __future__ import annotations

import datetime as dt
from typing import Final

import streamlit as st

from yipyap_core.domain.download_queue import MOST_CONCURRENT, QueueStatus, QuietHours
from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.users import Principal
from yipyap_core.errors import NotFound
from yipyap_core.services.container import Services, current
from yipyap_core.ui import actions, download_history, download_order
from yipyap_core.ui.formats import plain
from yipyap_core.ui.live import Live

BYTES_A_MEGABYTE: Final = 1_000_000
USUAL_HOURS: Final = QuietHours(dt.time(8), dt.time(18))
"""Offered where none are set."""


def draw(services: Services) -> None:
    """Draw limits and order; both are small enough to be drawn whole."""
    queue = services.downloads.queue()
    with st.container(border=True, gap="small"):
        st.markdown("**Limits**")
        _draw_limits(queue)
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown("**Queue**", width="stretch")
            download_history.draw_button()
        _draw_order(services, queue)
    download_history.draw()


def live() -> Live:
    """Draw the panel anew when somebody else has set other limits, or quiet hours begin or end."""
    rules = current().downloads.rules
    return Live(paint=lambda: None, structure=rules, is_moving=lambda: False)


def _draw_limits(queue: QueueStatus) -> None:
    with st.form("limits", border=False):
        concurrent = st.number_input(
            "Concurrent downloads",
            min_value=1,
            max_value=MOST_CONCURRENT,
            value=queue.max_concurrent,
            help="Further ones wait in the queue.",
        )
        limit = st.number_input(
            "Bandwidth in MB/s",
            min_value=0.0,
            value=(queue.bandwidth_limit_bps or 0) / BYTES_A_MEGABYTE,
            step=5.0,
            format="%g",  # every figure as it is: a small limit must not look like none
            help="For all downloads together; 0 means no limit.",
        )
        hours = _draw_quiet_hours(queue.quiet_hours)
        if st.form_submit_button("Apply", width="stretch"):
            actions.perform(_apply, int(concurrent), float(limit), hours)
            st.rerun()


def _draw_quiet_hours(hours: QuietHours | None) -> tuple[bool, dt.time, dt.time, bool]:
    shown = hours or USUAL_HOURS
    with st.expander("Quiet hours", expanded=hours is not None, type="compact"):
        is_on = st.toggle(
            "No download starts",
            value=hours is not None,
            help=f"Each day from and to these times by the server's clock ({_zone()}).",
        )
        start = st.time_input(f"From ({_zone()})", value=shown.start, step=900)
        end = st.time_input(f"To ({_zone()})", value=shown.end, step=900)
        stops = st.toggle(
            "Stop what runs, too",
            value=shown.stops_running,
            help="It goes back into the queue and goes on from there afterwards.",
        )
    return is_on, start or shown.start, end or shown.end, stops


def _zone() -> str:
    """The server's zone, as people call it."""
    return dt.datetime.now().astimezone().tzname() or "server"


def _apply(
    principal: Principal,
    concurrent: int,
    megabytes: float,
    hours: tuple[bool, dt.time, dt.time, bool],
) -> str:
    downloads = current().downloads
    is_on, start, end, stops = hours
    chosen = QuietHours(start, end, stops) if is_on else None
    downloads.set_limits(
        principal,
        max_concurrent=concurrent,
        bandwidth_limit_bps=round(megabytes * BYTES_A_MEGABYTE),
        quiet_hours=chosen,
    )
    return "The limits are in force."


def _draw_order(services: Services, queue: QueueStatus) -> None:
    if queue.is_quiet:
        st.info("Quiet hours: what waits starts afterwards.", icon=":material/bedtime:")
    if not (queue.running or queue.queued or queue.paused):
        st.caption("The queue is empty; start a download and it appears here.")
    for status in queue.running:
        st.markdown(f":blue[:material/downloading:] {_name(services, status)}")
    for number, status in enumerate(queue.queued, 1):
        _draw_waiting(services, status, number, len(queue.queued))
    for status in queue.paused:
        st.markdown(f":orange[:material/pause_circle:] {_name(services, status)}")


def _draw_waiting(services: Services, status: DownloadStatus, number: int, total: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
        name = f":gray[{number}] {_name(services, status)}{download_order.badge(status)}"
        st.markdown(name, width="stretch")
        download_order.draw(status, number, total)


def _name(services: Services, status: DownloadStatus) -> str:
    """The model's name; its id when it was forgotten while its download is live."""
    try:
        return plain(services.registry.get(status.model_id).name)
    except NotFound:
        return plain(status.model_id)
