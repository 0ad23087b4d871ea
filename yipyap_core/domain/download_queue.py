"""Downloads together: the queue as people see it, its limits, and what a stop would keep."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum

from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.errors import Invalid

MOST_CONCURRENT = 16


class Unchanged(Enum):
    """Stands where None means something else than "leave it as it is"."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED


@dataclass(frozen=True, slots=True)
class KeptSummary:
    """What stays when a download is stopped now."""

    files_done: int
    files_total: int
    kept_bytes: int
    """Of the whole files."""
    current_file: str | None = None
    current_bytes: int = 0
    """From where unfinished files go on, all together."""
    unfinished_files: int = 0
    lost_bytes: int = 0
    """What arrived and would go: of a file that the hub's own client fetches."""


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """Everything that runs, waits or rests, in order, with the limits in force."""

    running: tuple[DownloadStatus, ...]
    queued: tuple[DownloadStatus, ...]
    paused: tuple[DownloadStatus, ...]
    max_concurrent: int
    bandwidth_limit_bps: int | None
    """None: no limit."""
    total_speed_bps: float
    eta_seconds: float | None
    """For all that runs and is queued at the present speed; None while nothing moves."""
    quiet_hours: QuietHours | None = None
    is_quiet: bool = False
    """The quiet hours are on at this moment."""


@dataclass(frozen=True, slots=True)
class OtherWork:
    """What runs or waits in the background beside downloads of models."""

    pulls: int = 0
    """Models that Ollama is fetching."""
    checks: int = 0
    """Checks of what the cache holds."""
    repairs: int = 0
    """Damaged files of the cache that are fetched again, a job each commit."""
    speed_bps: float = 0.0
    """Of pulls and repairs together."""
    left_bytes: int = 0
    """What pulls and repairs have still to bring."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A window of the day, in the server's zone, in which no download starts."""

    start: dt.time
    end: dt.time
    """Before `start`: the window reaches over midnight."""
    stops_running: bool = False
    """What runs goes back into the queue too, so that the line is free."""

    def __post_init__(self) -> None:
        """Refuse a window without a length; raises `Invalid`."""
        if self.start == self.end:
            sentence = "The quiet hours need a beginning and another end."
            raise Invalid(sentence, fields={"quiet_hours": sentence})

    def contains(self, moment: dt.datetime) -> bool:
        """Whether the window is on at an aware moment, in that moment's zone."""
        now = moment.timetz().replace(tzinfo=None)
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """What administrators allow downloads to take."""

    max_concurrent: int
    bandwidth_limit_bps: int | None = None
    quiet_hours: QuietHours | None = None

    def __post_init__(self) -> None:
        """Refuse limits that make no sense; raises `Invalid` with the field."""
        if not 1 <= self.max_concurrent <= MOST_CONCURRENT:
            sentence = f"Must be from 1 to {MOST_CONCURRENT}."
            raise Invalid("The limits were not changed.", fields={"max_concurrent": sentence})
        if self.bandwidth_limit_bps is not None and self.bandwidth_limit_bps <= 0:
            sentence = "Must be a positive number of bytes per second, or 0 for no limit."
            raise Invalid("The limits were not changed.", fields={"bandwidth_limit_bps": sentence})
