"""What the disk says when it refuses, as our own errors with a hint that repairs."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yipyap_core.errors import Conflict

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class CacheNotWritable(Conflict):
    """The cache's volume refuses to be changed."""

    code = "cache_not_writable"
    hint = (
        "Make the cache folder writable for the server's user; the store doctor on the HF Cache"
        " page says how. What was moved so far is in the trash."
    )


class CacheVolumeFull(Conflict):
    """Not even a note fits on the volume."""

    code = "volume_full"
    hint = "Ask with purge: that frees the bytes at once and needs no room for notes."


class CacheSpansVolumes(Conflict):
    """A repository lies on another volume than the cache."""

    code = "other_volume"
    hint = "Remove that repository by hand where it lies; the trash cannot hold it."


@contextmanager
def translated(cache_dir: Path) -> Iterator[None]:
    """Turn what the volume of the cache raises into our own errors."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise CacheVolumeFull("The volume of the cache is full.") from error
        if error.errno in FORBIDDEN:
            raise CacheNotWritable(f"{cache_dir} cannot be changed: {error.strerror}.") from error
        if error.errno == errno.EXDEV:
            raise CacheSpansVolumes("A repository lies on another volume.") from error
        raise
