"""The timeline of a job as Markdown, a line for each thing that happened."""

from __future__ import annotations

import datetime as dt

from yipyap_core.domain.jobs import JobEvent
from yipyap_core.ui import formats
from yipyap_core.ui.formats import plain


def line(event: JobEvent, zone: str | None) -> str:
    """When, what kind, and what is said of it; with the day where that is not today's."""
    at = formats.clock_time(event.at, dt.datetime.now(dt.UTC), zone)
    return f"- :gray[{at}] **{plain(event.kind.replace('_', ' '))}** {plain(event.message)}"
