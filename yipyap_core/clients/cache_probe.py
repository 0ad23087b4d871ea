"""Tries out what the volume of a cache can do; leaves nothing behind."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.clients.cache_layout import LOCKS_DIR, NOT_REPOSITORIES, SHARED_DIR, split_folder

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "glusterfs", "ceph", "fuse.sshfs", "9p"}
)
LOCK_PATIENCE_SECONDS = 5.0
"""A volume whose lock service is away may never return from the call."""


@dataclass(frozen=True, slots=True)
class Volume:
    """Where a folder is mounted from."""

    mount_point: str
    device: str
    file_system: str

    @property
    def is_network(self) -> bool:
        """Whether another machine holds the files."""
        return self.file_system in NETWORK_FILE_SYSTEMS


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a folder is, and who we are."""

    owner: str
    ours: str

    @property
    def is_ours(self) -> bool:
        """Whether the server's user owns it."""
        return self.owner == self.ours


def write_problem(cache_dir: Path) -> str | None:
    """Make and remove a file; None when that works, else what the system says."""
    if is_read_only(cache_dir):
        return "the volume is mounted read-only"
    if is_closed(cache_dir):
        return "the folder is closed for the server's user"
    try:
        with _scratch(cache_dir) as place:
            (place / "file").write_bytes(b"x")
    except OSError as error:
        return error.strerror or "writing fails"
    return None


def has_symlinks(cache_dir: Path) -> bool:
    """Whether the volume knows symbolic links."""
    try:
        with _scratch(cache_dir) as place:
            (place / "link").symlink_to("file")
            return (place / "link").is_symlink()
    except OSError:
        return False


def has_locks(cache_dir: Path, patience_seconds: float = LOCK_PATIENCE_SECONDS) -> bool:
    """Whether a lock that one holds keeps another out; not where the volume never answers."""
    found: list[bool] = []
    asking = threading.Thread(target=lambda: found.append(_keeps_out(cache_dir)), daemon=True)
    asking.start()
    asking.join(patience_seconds)
    return True in found


def _keeps_out(cache_dir: Path) -> bool:
    try:
        with (
            _scratch(cache_dir) as place,
            (place / "lock").open("w") as one,
            (place / "lock").open("w") as other,
        ):
            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    except OSError:
        return False
    return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there, as far as the server's user can see."""
    return os.path.isdir(path)  # noqa: PTH112 - a path object raises where nobody may look


def nearest(path: Path) -> Path:
    """Where the path leads, or its first parent that is there, whatever that is."""
    real = Path(os.path.realpath(path))
    return next((one for one in (real, *real.parents) if os.path.lexists(one)), real)


def lost_link(path: Path) -> Path | None:
    """The link on the way to a path that leads nowhere."""
    links = [one for one in (path, *path.parents) if os.path.islink(one)]  # noqa: PTH114 - as above
    return next((one for one in links if not os.path.exists(one)), None)  # noqa: PTH110


def is_closed(folder: Path) -> bool:
    """Whether the server's user may make nothing in a folder."""
    return not os.access(folder, os.W_OK | os.X_OK)


def is_read_only(path: Path) -> bool:
    """Whether the volume is mounted so that nobody can write."""
    try:
        return bool(os.statvfs(nearest(path)).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def own_name() -> str:
    """The server's user."""
    return _user(os.geteuid())


def owner_of(cache_dir: Path) -> Owner:
    """Name the owner of a folder and the server's user."""
    return Owner(_user(cache_dir.stat().st_uid), own_name())


def foreign_repositories(cache_dir: Path) -> list[str]:
    """Names of repositories that another user owns or that cannot be written."""
    try:
        with os.scandir(cache_dir) as entries:
            folders = [entry for entry in entries if split_folder(entry.name)]
    except OSError:
        return []
    return sorted(one.name for one in folders if not os.access(one.path, os.W_OK | os.X_OK))


def holds_other_things(folder: Path) -> bool:
    """Whether a folder has anything in it that no hub's cache has, such as a system's folders."""
    try:
        names = [name for name in os.listdir(folder) if name[0] != "."]  # noqa: PTH208 - names only
    except OSError:
        return False
    known = NOT_REPOSITORIES | {SHARED_DIR}
    return any(not split_folder(name) and name not in known for name in names)


def volume_of(folder: Path) -> Volume | None:
    """Find the mount that a folder, or its nearest parent that exists, lies on."""
    real = str(nearest(folder))
    found = [mount for mount in _mounts() if _is_below(real, mount.mount_point)]
    return max(found, key=lambda mount: len(mount.mount_point), default=None)


def _mounts() -> list[Volume]:
    try:
        lines = Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    fields = [line.split(" ") for line in lines]
    return [Volume(_unescaped(one[1]), one[0], one[2]) for one in fields if len(one) > 2]


def _unescaped(path: str) -> str:
    return path.replace("\\040", " ").replace("\\011", "\t")


def _is_below(path: str, mount_point: str) -> bool:
    return mount_point == "/" or path == mount_point or path.startswith(f"{mount_point}/")


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@contextmanager
def _scratch(cache_dir: Path) -> Iterator[Path]:
    """A folder where the hub's client does not look, removed in the end."""
    locks = cache_dir / LOCKS_DIR
    existed = locks.exists()
    locks.mkdir(exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=".yipyap-probe-", dir=locks))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if not existed:
            _remove_if_empty(locks)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return
