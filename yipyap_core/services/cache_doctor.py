"""The store doctor: what may be wrong with the cache folder, and the line that repairs it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from yipyap_core.clients import cache_probe
from yipyap_core.clients.hub_cache import HubCache
from yipyap_core.domain.cache import total_bytes
from yipyap_core.domain.doctor import Finding, Health
from yipyap_core.settings import CacheLocation

WHY = {
    "HF_HUB_CACHE": "HF_HUB_CACHE names the folder.",
    "HF_HOME": "HF_HOME names the home folder; the cache is the folder hub in it.",
    "HF_CACHE": "HF_CACHE names the home folder; the cache is the folder hub in it.",
    "default": "No variable is set, so it is the default of the hub's client.",
}
GIGABYTE = 1e9


class StoreDoctor:
    """Examines one cache folder and looks for others."""

    def __init__(
        self,
        *,
        cache: HubCache,
        location: CacheLocation,
        others: Sequence[CacheLocation],
        reserve_bytes: int,
    ) -> None:
        """`others` are the folders that further variables or the default would choose."""
        self._cache = cache
        self._location = location
        self._others = [one for one in others if one.path != location.path]
        self._reserve_bytes = reserve_bytes

    def examine(self) -> tuple[Finding, ...]:
        """Answer every question anew; touches the disk, leaves nothing behind."""
        return tuple(self._findings())

    def _findings(self) -> Iterator[Finding]:
        path = self._location.path
        yield Finding("Chosen by", Health.GOOD, WHY[self._location.source])
        yield self._existence()
        if path.is_dir():
            yield self._writable()
            yield self._owner()
            yield self._locks()
            yield self._symlinks()
        yield self._volume()
        yield self._space()
        yield from self._other_caches()

    def _existence(self) -> Finding:
        path = self._location.path
        if path.is_dir():
            return Finding("Exists", Health.GOOD, "The folder is there.")
        if path.exists():
            return Finding(
                "Exists", Health.BAD, "A file is in its place.", f"mv {_q(path)}{{,.old}}"
            )
        words = "The folder is not there yet; the first download makes it."
        return Finding("Exists", Health.NOTE, words, f"mkdir -p {_q(path)}")

    def _writable(self) -> Finding:
        path = self._location.path
        problem = cache_probe.write_problem(path)
        if problem:
            ours = cache_probe.owner_of(path).ours
            fix = f"sudo chown -R {_q(ours)}: {_q(path)}"
            return Finding("Writable", Health.BAD, f"It cannot be written: {problem}.", fix)
        foreign = cache_probe.foreign_repositories(path)
        if foreign:
            shown = ", ".join(foreign[:3])
            words = f"{len(foreign)} repositories cannot be written, such as {shown}."
            ours = cache_probe.owner_of(path).ours
            return Finding("Writable", Health.BAD, words, f"sudo chown -R {_q(ours)}: {_q(path)}")
        return Finding("Writable", Health.GOOD, "A file could be made and removed.")

    def _owner(self) -> Finding:
        owner = cache_probe.owner_of(self._location.path)
        if owner.is_ours:
            return Finding(
                "Owner", Health.GOOD, f"It belongs to {owner.owner}, as the server does."
            )
        words = f"It belongs to {owner.owner}; the server runs as {owner.ours}."
        return Finding("Owner", Health.NOTE, words)

    def _locks(self) -> Finding:
        if cache_probe.has_locks(self._location.path):
            return Finding("Locks", Health.GOOD, "One program's lock keeps others out.")
        words = "The volume has no working locks: two programs may download the same file at once."
        return Finding("Locks", Health.BAD, words, "export HF_HOME=<a folder on a local disk>")

    def _symlinks(self) -> Finding:
        if cache_probe.has_symlinks(self._location.path):
            return Finding("Symbolic links", Health.GOOD, "Revisions share their files.")
        words = "The volume has no symbolic links: each revision holds its own copy of every file."
        return Finding("Symbolic links", Health.NOTE, words)

    def _volume(self) -> Finding:
        volume = cache_probe.volume_of(self._location.path)
        if volume is None:
            return Finding("Volume", Health.NOTE, "The system does not tell where it is mounted.")
        words = f"{volume.mount_point} ({volume.file_system} on {volume.device})."
        if volume.is_network:
            advice = " Folder stamps and locks are less dependable over a network."
            return Finding("Volume", Health.NOTE, words + advice)
        return Finding("Volume", Health.GOOD, words)

    def _space(self) -> Finding:
        disk = self._cache.disk()
        if disk is None:
            return Finding("Free space", Health.NOTE, "The system does not tell how much is free.")
        words = (
            f"{disk.free_bytes / GIGABYTE:.1f} of {disk.total_bytes / GIGABYTE:.1f} GB are free."
        )
        if disk.free_bytes < self._reserve_bytes:
            reserve = f"{self._reserve_bytes / GIGABYTE:.1f} GB"
            advice = f" Downloads keep {reserve} free and wait; remove something first."
            return Finding("Free space", Health.BAD, words + advice)
        return Finding("Free space", Health.GOOD, words)

    def _other_caches(self) -> Iterator[Finding]:
        """Other folders that hold repositories, which this server does not use."""
        for other in self._others:
            scan = HubCache(other.path).scan()
            if not scan.repos:
                continue
            size = total_bytes(found.repo for found in scan.repos.values()) / GIGABYTE
            words = (
                f"{other.path} holds {len(scan.repos)} repositories ({size:.1f} GB) that this"
                f" server does not use; {_named_by(other)}."
            )
            fix = f"export HF_HUB_CACHE={_q(other.path)}"
            yield Finding("Another cache", Health.NOTE, words, fix)


def _named_by(other: CacheLocation) -> str:
    if other.source == "default":
        return "it is the default of the hub's client"
    return f"{other.source} names it, and another variable goes before"


def _q(text: object) -> str:
    return shlex.quote(str(text))
