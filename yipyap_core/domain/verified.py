"""What a blob looked like when its hash was found right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlobStamp:
    """A blob of the cache by folder, name, size and time of change: another stamp, another file."""

    repo_folder: str
    etag: str
    size_bytes: int
    mtime_ns: int
