"""The file system: what its errors mean to a person, and the few calls made for every file."""

# Names are text here, since a path object costs as much as a system call.
# ruff: noqa: PTH105, PTH108, PTH115, PTH116, PTH211

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path

from yipyap_core.errors import CacheReadOnly, DiskFull, TransferError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FILE_MODE = 0o666
FREE_AFTER_SECONDS = 0.5
LOOK_SECONDS = 0.05
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


@contextlib.contextmanager
def cache_errors(folder: Path, what: str, needed_bytes: int = 0) -> Iterator[None]:
    """Turn an `OSError` of the block into `DiskFull`, `CacheReadOnly` or a plain transfer error.

    `what` names the file of the repository; the paths of this machine stay out of the sentence.
    """
    try:
        yield
    except OSError as error:
        raise translated(error, folder, what, needed_bytes) from error


def translated(error: OSError, folder: Path, what: str, needed_bytes: int) -> TransferError:
    """The error of ours for a failed system call on the cache."""
    if error.errno in FULL:
        free = free_bytes(folder)
        return DiskFull(
            f"The volume of the cache is full: {what} needs {needed_bytes:,} more bytes,"
            f" {free:,} are free.",
            needed_bytes=needed_bytes,
            free_bytes=free,
        )
    if error.errno in READ_ONLY:
        return CacheReadOnly(f"The cache cannot be written for {what}: {error.strerror}.")
    return TransferError(
        f"The cache failed for {what}: {error.strerror}.",
        code="cache_failed",
        hint="Look at the volume of the cache and the server's log, then retry.",
    )


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write on the volume; 0 when it cannot be asked."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def size_of(path: str) -> int | None:
    """Size of what the name leads to; None when it leads nowhere."""
    found = status_of(path)
    return None if found is None else found.st_size


def status_of(path: str) -> os.stat_result | None:
    """What is known of the file that the name leads to; None when it leads nowhere."""
    try:
        return os.stat(path)
    except OSError:
        return None


def inodes_in(folder: str) -> dict[str, int]:
    """The names in a folder and their own inodes, of a link the link's; none of what is none."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.inode() for entry in entries}
    except OSError:
        return {}


def is_plain_file(path: str) -> bool:
    """Whether the name is a file's own and no link to one."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def unfinished_bytes(folder: Path, etag: str) -> int:
    """Sum of what any program has of an unfinished blob; grows while one is fetching it."""
    with contextlib.suppress(OSError):
        return sum(path.stat().st_size for path in folder.glob(f"{etag}.*"))
    return 0


def write_whole(path: str, view: memoryview) -> None:
    """Write a file from its beginning; what it held before is gone."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def move(unfinished: str, finished: str) -> None:
    """Bring a file into its place in one step."""
    os.replace(unfinished, finished)


def remove(path: str) -> None:
    """Delete a file if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def remove_large(path: str) -> None:
    """Delete a file if it is there, and do not wait until its gigabytes are free again.

    The name goes at once; the content goes when a thread closes the file, or this process ends.
    To free ten gigabytes keeps a disk busy for seconds: so that begins once the answer is out.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return remove(path)  # a link, or not ours to read
    try:
        remove(path)
    finally:
        closing = threading.Timer(FREE_AFTER_SECONDS, os.close, (descriptor,))
        closing.daemon = True
        closing.start()


def make_link(target: str, name: str) -> None:
    """Make a symbolic link; raises `FileExistsError` where the name is taken."""
    os.symlink(target, name)


def link_target(name: str) -> str | None:
    """What a symbolic link holds; None for what is none, or is not there."""
    try:
        return os.readlink(name)
    except OSError:
        return None


def wait_for_disk(work: Callable[[], None], check: Callable[[], None]) -> None:
    """Do what may take a busy disk seconds, in a thread; `check` raises to wait no longer.

    The thread ends when the disk lets it. Raises what `work` raises.
    """
    done: Future[None] = Future()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            done.set_exception(error)
        else:
            done.set_result(None)

    threading.Thread(target=run, name="transfer-disk", daemon=True).start()
    while not wait([done], LOOK_SECONDS).done:
        check()
    done.result()


def sync_file(path: str) -> None:
    """Make a file or folder that is written already durable against a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
