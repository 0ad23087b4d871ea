"""The hub client's own lock on a blob, waited for with an end and with a word to people.

The client locks through the filelock package, which on these systems is flock on a file of mode
0664 that is never removed. The same is done here with three system calls; where a volume knows
no flock, that package's own substitute is taken, as the client takes it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from filelock import SoftFileLock, Timeout

from yipyap_core.errors import LockUnavailable
from yipyap_core.transfer.disk import remove

FIRST_POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 0.5
LOCK_MODE = 0o664
"""Of the hub client: people who share a cache have to be able to wait for each other."""
TAKEN = frozenset({errno.EAGAIN, errno.EACCES})
NO_LOCKS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How to wait for a lock."""

    timeout_seconds: float
    wait: Callable[[float], None]
    """Sleeps, and raises to give up."""
    waiting: Callable[[], None]
    """Told once, when another program holds the lock."""
    needless: Callable[[], bool]
    """Whether what the lock is wanted for has been done by the other program."""
    signs_of_life: Callable[[], int]
    """Moves while the other program works: then the time-out begins anew."""


class Held:
    """A lock that is held until `release`."""

    def __init__(self, release: Callable[[], None]) -> None:
        """Keep how to let go."""
        self._release = release

    def release(self) -> None:
        """Let others have it."""
        with contextlib.suppress(OSError):
            self._release()


def acquire(path: str, name: str, patience: Patience) -> Held | None:
    """Take the lock; None, without it, once it became needless while waiting.

    Raises `LockUnavailable` after the time-out and where the volume gives no locks, naming the
    file by `name`, and `OSError`.
    """
    try:
        held = try_lock(path)
    except OSError as error:
        if error.errno != errno.ENOLCK:
            raise
        raise _none_given(name) from error
    return held if held is not None else _wait_for(path, name, patience)


def _none_given(name: str) -> LockUnavailable:
    return LockUnavailable(
        f"The volume of the cache gives no lock for {name}, so that two programs could spoil it.",
        hint="Set HF_HOME to a folder on a volume with locks, or mount this one with them.",
    )


def _wait_for(path: str, name: str, patience: Patience) -> Held | None:
    deadline = time.monotonic() + patience.timeout_seconds
    poll, life = FIRST_POLL_SECONDS, patience.signs_of_life()
    patience.waiting()
    while not patience.needless():
        now = time.monotonic()
        if life != (seen := patience.signs_of_life()):
            life, deadline = seen, now + patience.timeout_seconds
        if now >= deadline:
            raise LockUnavailable(
                f"Another program has held the lock of {name} for"
                f" {patience.timeout_seconds:g} seconds without fetching anything of it."
            )
        patience.wait(min(poll, deadline - now))
        poll = min(poll * 2, LONGEST_POLL_SECONDS)
        if (held := try_lock(path)) is not None:
            return held
    return None


def try_lock(path: str) -> Held | None:
    """Take the lock if nobody holds it; raises `OSError`."""
    descriptor, is_new = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in NO_LOCKS:
            return _try_substitute(path, is_new)
        if error.errno in TAKEN:
            return None
        raise
    found = os.fstat(descriptor)
    if found.st_nlink == 0:  # removed between the two calls: what is locked is nobody's lock
        os.close(descriptor)
        return try_lock(path)
    if found.st_mode & 0o777 != LOCK_MODE:
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, LOCK_MODE)
    return Held(lambda: _let_go(descriptor))


def _open(path: str) -> tuple[int, bool]:
    """The lock file, and whether it was made by this call."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    with contextlib.suppress(FileExistsError):
        return os.open(path, flags | os.O_EXCL, LOCK_MODE), True
    return os.open(path, flags, LOCK_MODE), False


def _let_go(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_UN)  # also where a forked child has the descriptor too
    os.close(descriptor)


def _try_substitute(path: str, is_ours: bool) -> Held | None:
    """Where a file that is there is the lock: one made a moment ago for flock must go first."""
    if is_ours:
        remove(path)
    lock = SoftFileLock(path, mode=LOCK_MODE, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return Held(lock.release)
