"""Which files of the cache another program is fetching at this moment, seen by its locks.

And how we wait for a lock of our own there.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from yipyap_core.clients.cache_layout import LOCKS_DIR, etag_of_partial

LOCK_SUFFIX = ".lock"
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""How a volume says that it knows no locks, such as one of NFS without its lock service."""


def is_being_written(cache_dir: Path, folder: str, partial_name: str) -> bool:
    """Whether someone holds the lock of an unfinished file."""
    etag = etag_of_partial(partial_name)
    return etag is not None and _is_held(cache_dir / LOCKS_DIR / folder / f"{etag}{LOCK_SUFFIX}")


def is_busy(cache_dir: Path, folder: str) -> bool:
    """Whether someone holds any lock of a repository: its lock files are never removed."""
    try:
        with os.scandir(cache_dir / LOCKS_DIR / folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(LOCK_SUFFIX)]
    except OSError:
        return False
    return any(_is_held(cache_dir / LOCKS_DIR / folder / name) for name in names)


def wait_for(descriptor: int) -> bool:
    """Lock an open file once it is free; False where the volume knows no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno in NO_LOCKS:
            return False
        raise
    return True


def _is_held(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # the volume knows no locks: nobody can hold one
    finally:
        os.close(fd)
    return False
