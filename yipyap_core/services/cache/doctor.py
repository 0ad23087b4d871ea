"""The store doctor: what may be wrong with the cache folder, and the line that repairs it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from yipyap_core.clients import cache_probe
from yipyap_core.clients.hub_cache import HubCache
from yipyap_core.domain.cache import total_bytes
from yipyap_core.domain.doctor import Finding, Health
from yipyap_core.services.cache import doctor_lines as lines
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
        if cache_probe.is_folder(path):
            yield self._writable()
            yield self._owner()
            yield self._locks()
            yield self._symlinks()
        yield self._volume()
        yield self._space()
        yield from self._other_caches()

    def _existence(self) -> Finding:
        path = self._location.path
        if cache_probe.is_folder(path):
            return Finding("Exists", Health.GOOD, "The folder is there.")
        real = Path(os.path.realpath(path))
        link, obstacle = cache_probe.lost_link(path), cache_probe.nearest(path)
        lost = f"{link} is a link to what is not there: no download can begin. " if link else ""
        if not cache_probe.is_folder(obstacle):
            words = f"{lost}{obstacle} is no folder, so that none can be made there."
            return Finding("Exists", Health.BAD, words, lines.move_aside(obstacle, real))
        if cache_probe.is_closed(obstacle):
            words = f"{lost}The server's user can make nothing in {obstacle}."
            return Finding("Exists", Health.BAD, words, lines.open_for_us(real))
        if link:
            return Finding("Exists", Health.BAD, lost.rstrip(), lines.make(real))
        words = "The folder is not there yet; the first download makes it."
        return Finding("Exists", Health.NOTE, words, lines.make(path))

    def _writable(self) -> Finding:
        path = self._location.path
        problem = cache_probe.write_problem(path)
        if problem:
            words = f"It cannot be written: {problem}."
            return Finding("Writable", Health.BAD, words, lines.own(path))
        foreign = cache_probe.foreign_repositories(path)
        if foreign:
            shown = ", ".join(foreign[:3])
            words = f"{len(foreign)} repositories cannot be written, such as {shown}."
            return Finding("Writable", Health.BAD, words, lines.own(path))
        return Finding("Writable", Health.GOOD, "A file could be made and removed.")

    def _owner(self) -> Finding:
        path = self._location.path
        owner = cache_probe.owner_of(path)
        if owner.is_ours:
            words = f"It belongs to {owner.owner}, as the server does."
            return Finding("Owner", Health.GOOD, words)
        words = f"It belongs to {owner.owner}; the server runs as {owner.ours}."
        return Finding("Owner", Health.NOTE, words, lines.own(path))

    def _locks(self) -> Finding:
        path = self._location.path
        if cache_probe.has_locks(path):
            return Finding("Locks", Health.GOOD, "One program's lock keeps others out.")
        words = (
            "The volume has no working locks: a download is refused there, or two programs may"
            " fetch the same file at once."
        )
        return Finding("Locks", Health.BAD, words, lines.use_a_local_disk(path))

    def _symlinks(self) -> Finding:
        path = self._location.path
        if cache_probe.has_symlinks(path):
            return Finding("Symbolic links", Health.GOOD, "Revisions share their files.")
        words = "The volume has no symbolic links: each revision holds its own copy of every file."
        return Finding("Symbolic links", Health.NOTE, words, lines.use_a_local_disk(path))

    def _volume(self) -> Finding:
        path = self._location.path
        volume = cache_probe.volume_of(path)
        if volume is None:
            words = "The system does not tell where it is mounted."
            return Finding("Volume", Health.NOTE, words, lines.tell_the_volume(path))
        words = f"{volume.mount_point} ({volume.file_system} on {volume.device})."
        if volume.is_network:
            advice = " Folder stamps and locks are less dependable over a network."
            return Finding("Volume", Health.NOTE, words + advice, lines.use_a_local_disk(path))
        return Finding("Volume", Health.GOOD, words)

    def _space(self) -> Finding:
        disk, path = self._cache.disk(), self._location.path
        if disk is None:
            words = "The system does not tell how much is free."
            return Finding("Free space", Health.NOTE, words, lines.tell_the_volume(path))
        words = (
            f"{disk.free_bytes / GIGABYTE:.1f} of {disk.total_bytes / GIGABYTE:.1f} GB are free."
        )
        if disk.free_bytes < self._reserve_bytes:
            reserve = f"{self._reserve_bytes / GIGABYTE:.1f} GB"
            advice = f" Downloads keep {reserve} free and wait; see Reclaim, and what is largest:"
            return Finding("Free space", Health.BAD, words + advice, lines.tell_the_largest(path))
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
            yield Finding("Another cache", Health.NOTE, words, lines.use(other.path))


def _named_by(other: CacheLocation) -> str:
    if other.source == "default":
        return "it is the default of the hub's client"
    return f"{other.source} names it, and another variable goes before"
