"""Who has to go so that a further model fits: pure rules, no process and no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Amount:
    """Memory of the host and of its GPU, in bytes."""

    ram_bytes: int = 0
    gpu_bytes: int = 0

    def fits(self, room: Amount) -> bool:
        """Whether `room` is enough in both."""
        return self.ram_bytes <= room.ram_bytes and self.gpu_bytes <= room.gpu_bytes

    def plus(self, other: Amount) -> Amount:
        """Both together."""
        return Amount(self.ram_bytes + other.ram_bytes, self.gpu_bytes + other.gpu_bytes)


@dataclass(frozen=True, slots=True)
class Resident:
    """A loaded model, as the rules see it."""

    key: str
    held: Amount
    last_used: float
    """Any clock that moves forward."""
    kept: bool = False
    """In use, pinned, or serving until its successor is ready: it never goes."""


def to_evict(residents: Sequence[Resident], need: Amount, room: Amount) -> tuple[str, ...] | None:
    """Choose who goes, least recently used first; None when even all of them are not enough.

    Only those are chosen whose memory is of the kind that is short.
    """
    chosen: list[str] = []
    for resident in sorted(residents, key=lambda one: one.last_used):
        if need.fits(room):
            break
        if not resident.kept and _helps(resident.held, need, room):
            chosen.append(resident.key)
            room = room.plus(resident.held)
    return tuple(chosen) if need.fits(room) else None


def _helps(held: Amount, need: Amount, room: Amount) -> bool:
    short_of_ram = need.ram_bytes > room.ram_bytes and held.ram_bytes > 0
    return short_of_ram or (need.gpu_bytes > room.gpu_bytes and held.gpu_bytes > 0)
