"""What the store doctor says of the cache folder: one finding for each question."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How a finding is meant."""

    GOOD = "good"
    NOTE = "note"
    """Worth knowing; nothing has to be done."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question, and the line that repairs it where something is wrong."""

    question: str
    """A short title, such as `Writable`."""
    health: Health
    answer: str
    fix: str | None = None
    """A line for a terminal or an environment file."""
