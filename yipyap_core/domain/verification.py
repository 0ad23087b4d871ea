"""What a check of the cache's contents found, file by file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Damage(StrEnum):
    """What is wrong with a file of the cache."""

    CONTENT = "content"
    """Its bytes do not have the publisher's hash."""
    OTHER_FILE = "other_file"
    """Its name leads to the content of another file."""
    MISSING = "missing"
    """Its name leads to nothing."""
    UNREADABLE = "unreadable"
    """The system gives its bytes only in part, or not at all."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One damaged file."""

    folder: str
    repo_id: str
    repo_type: str
    commit: str
    path: str
    kind: Damage
    expected: str
    """The publisher's hash, which is also the name of the blob."""
    actual: str | None = None
    stored: str | None = None
    """Where the bytes lie, relative to the repository's folder."""
    size_bytes: int = 0
    reason: str | None = None
    """The system's words, of what cannot be read."""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What has been checked so far."""

    checked_files: int = 0
    checked_bytes: int = 0
    unverifiable_files: int = 0
    """Files for which nothing in the cache tells the publisher's hash."""
    mismatches: tuple[Mismatch, ...] = ()
    repositories: tuple[str, ...] = ()
    """Folders that have been checked to the end."""

    def __add__(self, other: VerifyReport) -> VerifyReport:
        """Join the reports of different repositories."""
        return VerifyReport(
            self.checked_files + other.checked_files,
            self.checked_bytes + other.checked_bytes,
            self.unverifiable_files + other.unverifiable_files,
            self.mismatches + other.mismatches,
            self.repositories + other.repositories,
        )
