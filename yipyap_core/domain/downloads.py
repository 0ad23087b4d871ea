"""A download as a plan of exact files, and its status as page and API show it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from yipyap_core.domain.jobs import Failure, JobState, Phase, Progress
from yipyap_core.domain.models import RepoRef
from yipyap_core.errors import UnsafePath


class DownloadState(StrEnum):
    """The five words by which people know a download."""

    NOT_STARTED = "not_started"
    DOWNLOADING = "downloading"
    COMPLETED = "completed"
    FAILED = "failed"
    DISABLED = "disabled"


STATE_OF_JOB = {
    JobState.QUEUED: DownloadState.DOWNLOADING,
    JobState.RUNNING: DownloadState.DOWNLOADING,
    JobState.PAUSED: DownloadState.DOWNLOADING,
    JobState.CANCELLED: DownloadState.NOT_STARTED,
    JobState.FAILED: DownloadState.FAILED,
    JobState.DONE: DownloadState.COMPLETED,
}


class HashAlgorithm(StrEnum):
    """How the publisher's hash of a file is made."""

    SHA256 = "sha256"
    GIT_SHA1 = "git-sha1"
    """SHA-1 of `blob <size>\\0` and the content; the hub gives it for files that are not LFS."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository at a commit, as the hub's tree names it."""

    path: str
    size_bytes: int
    blob_id: str
    """Git object id, 40 hex digits."""
    sha256: str | None = None
    """Of LFS files only; 64 hex digits."""
    xet_hash: str | None = None

    def __post_init__(self) -> None:
        """Refuse a name that would leave the snapshot's folder; raises `UnsafePath`."""
        if not _stays_inside(self.path):
            raise UnsafePath(f"The repository lists the unsafe file name {self.path[:100]!r}.")

    @property
    def etag(self) -> str:
        """Name of the file's blob in the cache."""
        return self.sha256 or self.blob_id

    @property
    def algorithm(self) -> HashAlgorithm:
        """Which hash `etag` is."""
        return HashAlgorithm.SHA256 if self.sha256 else HashAlgorithm.GIT_SHA1


@dataclass(frozen=True, slots=True)
class RepoSnapshot:
    """What the hub says of a repository at one commit."""

    repo: RepoRef
    commit: str
    """40 hex digits."""
    files: tuple[RemoteFile, ...]


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """Exactly the files that make a model complete, at one commit."""

    repo: RepoRef
    commit: str
    files: tuple[RemoteFile, ...]
    listing: tuple[RemoteFile, ...] = ()
    """Every file of the repository at the commit, wanted or not; empty when it is not known."""

    @property
    def total_bytes(self) -> int:
        """Sum over distinct blobs: a blob that two names share is fetched once."""
        return sum({file.etag: file.size_bytes for file in self.files}.values())


def _stays_inside(path: str) -> bool:
    """Whether it names a file below the folder to which it is relative; asked of every file."""
    is_plain = "\\" not in path and "\0" not in path
    return is_plain and {"", ".", ".."}.isdisjoint(path.split("/")) and _is_text(path)


def _is_text(path: str) -> bool:
    """Whether it can be written down: JSON knows halves of characters, no disk does."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def make_plan(
    snapshot: RepoSnapshot, allow_patterns: Sequence[str], ignore_patterns: Sequence[str]
) -> DownloadPlan:
    """Choose the files that match, by the rules of huggingface_hub's `filter_repo_objects`."""
    allow = [_folder_pattern(pattern) for pattern in allow_patterns]
    ignore = [_folder_pattern(pattern) for pattern in ignore_patterns]
    wanted = [
        file
        for file in snapshot.files
        if (not allow or _matches(file.path, allow)) and not _matches(file.path, ignore)
    ]
    return DownloadPlan(snapshot.repo, snapshot.commit, tuple(wanted), snapshot.files)


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _folder_pattern(pattern: str) -> str:
    return f"{pattern}*" if pattern.endswith("/") else pattern


@dataclass(frozen=True, slots=True)
class DownloadStatus:
    """How a model's download stands; the fields are those of the HTTP contract."""

    model_id: str
    status: DownloadState
    phase: Phase
    progress: Progress
    attempt: int = 0
    verified: bool = False
    """Every file's hash was compared with the publisher's."""
    error: Failure | None = None
    resumable_bytes: int = 0
    """What a start would not fetch again."""
    resolved_commit: str | None = None
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    job_id: str | None = None
    priority: int = 0
    """Of a live download: higher runs earlier."""
    position: int = 0
    """Of a live download: its place among those of equal priority."""
