"""What was removed from the cache and can be brought back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class TrashState(StrEnum):
    """What is being done with an entry of the trash."""

    FILLING = "filling"
    """Moves into it have begun; seen later, it means that the server was killed meanwhile."""
    KEPT = "kept"
    RESTORING = "restoring"
    PURGING = "purging"


@dataclass(frozen=True, slots=True)
class TrashItem:
    """One repository's share of an entry."""

    folder: str
    repo_id: str
    repo_type: str
    revisions: tuple[str, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """What one execution of a plan removed."""

    id: str
    plan_id: str
    actor: str
    created_at: dt.datetime
    state: TrashState
    items: tuple[TrashItem, ...]
    bytes: int = 0
    """What the volume gains by purging it."""

    @property
    def names(self) -> str:
        """The repositories in a line."""
        shown = ", ".join(item.repo_id for item in self.items[:3])
        more = len(self.items) - 3
        return f"{shown} and {more} more" if more > 0 else shown


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back from the trash."""

    entry: TrashEntry
    files: int
    superseded: tuple[str, ...] = ()
    """Paths that exist anew in the cache and were left as they are."""
    lost: tuple[str, ...] = ()
    """Blobs whose shared payload another program removed meanwhile."""
