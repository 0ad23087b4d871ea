"""One word, one colour and one icon for each state; colours mean states and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.domain.jobs import Phase

Colour = Literal["gray", "blue", "green", "orange", "red", "violet"]


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is shown."""

    label: str
    colour: Colour
    icon: str
    """Material icon in Streamlit's notation."""

    @property
    def dot(self) -> str:
        """A coloured dot in Markdown, for places too small for a badge."""
        return f":{self.colour}[:material/{self.icon}:]"


NOT_STARTED = Look("Not started", "gray", "circle")
CANCELLED = Look("Cancelled", "gray", "cancel")
COMPLETED = Look("Completed", "green", "check_circle")
FAILED = Look("Failed", "red", "error")
DISABLED = Look("Disabled", "violet", "block")

LOOKS_OF_PHASES = {
    Phase.QUEUED: Look("Queued", "blue", "schedule"),
    Phase.RESOLVING: Look("Asking the hub", "blue", "travel_explore"),
    Phase.CHECKING_SPACE: Look("Checking space", "blue", "hard_drive"),
    Phase.TRANSFERRING: Look("Downloading", "blue", "downloading"),
    Phase.STALLED: Look("Stalled", "orange", "hourglass_empty"),
    Phase.VERIFYING: Look("Verifying", "blue", "fact_check"),
    Phase.COMMITTING: Look("Finishing", "blue", "inventory"),
    Phase.PAUSED: Look("Paused", "orange", "pause_circle"),
}

RUNNING = LOOKS_OF_PHASES[Phase.TRANSFERRING]


class Group(StrEnum):
    """How the Downloads page sorts states into a filter; the order of declaration is shown."""

    RUNNING = "running"
    FAILED = "failed"
    NOT_STARTED = "not_started"
    COMPLETED = "completed"

    @property
    def label(self) -> str:
        """The filter's words."""
        return self.value.replace("_", " ").capitalize()


GROUPS = {
    DownloadState.DOWNLOADING: Group.RUNNING,
    DownloadState.FAILED: Group.FAILED,
    DownloadState.COMPLETED: Group.COMPLETED,
    DownloadState.NOT_STARTED: Group.NOT_STARTED,
    DownloadState.DISABLED: Group.NOT_STARTED,
}


def look_of(status: DownloadStatus) -> Look:
    """Choose the look of a download; while it runs, its phase says more than its state."""
    match status.status:
        case DownloadState.DOWNLOADING:
            return LOOKS_OF_PHASES.get(status.phase, RUNNING)
        case DownloadState.COMPLETED:
            return COMPLETED
        case DownloadState.FAILED:
            return FAILED
        case DownloadState.DISABLED:
            return DISABLED
        case DownloadState.NOT_STARTED:
            return CANCELLED if status.phase is Phase.CANCELLED else NOT_STARTED


def group_of(status: DownloadStatus) -> Group:
    """Choose under which filter a download is found."""
    return GROUPS[status.status]


def rank(status: DownloadStatus) -> tuple[int, int, int]:
    """Place of a download where the busiest come first: running, queued, paused, failed, rest.

    Live ones stand in the order of the queue.
    """
    if status.status is DownloadState.DOWNLOADING:
        state = {Phase.QUEUED: 1, Phase.PAUSED: 2}.get(status.phase, 0)
        return state, -status.priority, status.position
    return 3 + list(Group).index(group_of(status)), 0, 0


def is_moving(status: DownloadStatus) -> bool:
    """Whether its figures change by themselves: live, and not paused."""
    return status.status is DownloadState.DOWNLOADING and status.phase is not Phase.PAUSED
