"""What the hub says of repositories before any byte of them is fetched."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from yipyap_core.domain.models import RepoRef


@dataclass(frozen=True, slots=True)
class RepoHit:
    """One result of a search on the hub."""

    repo_id: str
    downloads: int
    """Of the last thirty days, as the hub counts them."""
    likes: int
    gated: bool
    tags: tuple[str, ...]
    library: str | None
    task: str | None
    """The hub's word for what the model does, such as `image-to-text`."""
    last_modified: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a download of a whole repository would mean."""

    repo: RepoRef
    commit: str
    size_bytes: int
    """Of all files, a content that two names share once."""
    file_count: int
    license: str | None
    gated: bool
    private: bool
    has_token: bool
    access: bool
    """Whether files would be given to us as we are, with the token or without one."""
    access_hint: str | None = None
    """What to do where `access` is False."""
