"""Tries out what the volume of a cache can do; leaves nothing behind."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.clients.cache_layout import LOCKS_DIR, split_folder

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "glusterfs", "ceph", "fuse.sshfs", "9p"}
)


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
    if not os.access(cache_dir, os.W_OK | os.X_OK):
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


def has_locks(cache_dir: Path) -> bool:
    """Whether a lock that one holds keeps another out."""
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


def owner_of(cache_dir: Path) -> Owner:
    """Name the owner of a folder and the server's user."""
    return Owner(_user(cache_dir.stat().st_uid), _user(os.geteuid()))


def foreign_repositories(cache_dir: Path) -> list[str]:
    """Names of repositories that another user owns or that cannot be written."""
    try:
        with os.scandir(cache_dir) as entries:
            folders = [entry for entry in entries if split_folder(entry.name)]
    except OSError:
        return []
    return sorted(one.name for one in folders if not os.access(one.path, os.W_OK | os.X_OK))


def volume_of(folder: Path) -> Volume | None:
    """Find the mount that a folder, or its nearest parent that exists, lies on."""
    place = next((one for one in (folder, *folder.parents) if one.exists()), None)
    if place is None:
        return None
    real = os.path.realpath(place)
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
