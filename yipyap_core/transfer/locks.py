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
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass

from filelock import SoftFileLock, Timeout

from yipyap_core.errors import LockUnavailable
from yipyap_core.transfer.disk import remove

FIRST_POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 0.5
SILENT_SECONDS = 3.0
"""A volume that has not answered for so long is worth a word."""
LOCK_MODE = 0o664
"""Of the hub client: people who share a cache have to be able to wait for each other."""
OTHER_VOLUME = "Set HF_HOME to a folder on a volume with locks, or mount this one with them."
TAKEN = frozenset({errno.EAGAIN, errno.EACCES})
NO_LOCKS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How to wait for a lock."""

    timeout_seconds: float
    wait: Callable[[float], None]
    """Sleeps, and raises to give up."""
    waiting: Callable[[str], None]
    """Told why, when the lock does not come: another program holds it, or the volume is silent."""
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
        held = _ask(path, name, patience)
    except OSError as error:
        if error.errno != errno.ENOLCK:
            raise
        raise _none_given(name) from error
    return held if held is not None else _wait_for(path, name, patience)


def _none_given(name: str) -> LockUnavailable:
    return LockUnavailable(
        f"The volume of the cache gives no lock for {name}, so that two programs could spoil it.",
        hint=OTHER_VOLUME,
    )


def _no_answer(name: str, patience: Patience) -> LockUnavailable:
    return LockUnavailable(
        f"The volume of the cache did not answer within {patience.timeout_seconds:g} seconds"
        f" when it was asked for the lock of {name}.",
        hint=OTHER_VOLUME,
    )


def _ask(path: str, name: str, patience: Patience) -> Held | None:
    """`try_lock` with an end: a volume whose lock service is away never returns from the call.

    So a thread makes it. A lock that comes when nobody waits any more is let go at once.
    """
    asked: Future[Held | None] = Future()
    threading.Thread(target=_answer, args=(asked, path), name="transfer-lock", daemon=True).start()
    began, told = time.monotonic(), False
    try:
        while not wait([asked], FIRST_POLL_SECONDS).done:
            silent_seconds = time.monotonic() - began
            if silent_seconds >= patience.timeout_seconds:
                raise _no_answer(name, patience)
            if silent_seconds >= SILENT_SECONDS and not told:
                told = True
                patience.waiting(f"The volume has not answered yet about the lock of {name}.")
            patience.wait(0.0)
        return asked.result()
    except BaseException:
        _disown(asked)
        raise


def _answer(asked: Future[Held | None], path: str) -> None:
    try:
        held = try_lock(path)
    except OSError as error:
        if asked.set_running_or_notify_cancel():
            asked.set_exception(error)
        return
    if asked.set_running_or_notify_cancel():
        asked.set_result(held)
    elif held is not None:
        held.release()


def _disown(asked: Future[Held | None]) -> None:
    """Let go of what was answered, or will be."""
    if not asked.cancel() and asked.exception() is None and (held := asked.result()) is not None:
        held.release()


def _wait_for(path: str, name: str, patience: Patience) -> Held | None:
    deadline = time.monotonic() + patience.timeout_seconds
    poll, life = FIRST_POLL_SECONDS, patience.signs_of_life()
    patience.waiting(f"Another program is fetching {name}; waiting for it.")
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
        if (held := _ask(path, name, patience)) is not None:
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
