"""The strip of what runs now, at the top of every administrator's page; it leads to Downloads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from yipyap_core.domain.download_queue import OtherWork
from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.domain.jobs import Phase
from yipyap_core.ui import formats, snapshot
from yipyap_core.ui.links import link
from yipyap_core.ui.live import Live


@dataclass(frozen=True, slots=True)
class Pulse:
    """Everything that runs together: downloads, Ollama's pulls, checks and repairs of the cache."""

    running: int
    queued: int
    paused: int
    failed: int
    speed_bps: float
    left_bytes: int
    """What everything that runs or is queued has still to fetch."""
    pulls: int = 0
    checks: int = 0
    repairs: int = 0

    @classmethod
    def of(cls, statuses: Mapping[str, DownloadStatus], others: OtherWork | None = None) -> Pulse:
        """Add up; no store is asked."""
        others = others or OtherWork()
        live = [one for one in statuses.values() if one.status is DownloadState.DOWNLOADING]
        running = [one for one in live if one.phase not in {Phase.QUEUED, Phase.PAUSED}]
        return cls(
            running=len(running),
            queued=sum(one.phase is Phase.QUEUED for one in live),
            paused=sum(one.phase is Phase.PAUSED for one in live),
            failed=sum(one.status is DownloadState.FAILED for one in statuses.values()),
            speed_bps=others.speed_bps + sum(one.progress.speed_bps for one in running),
            left_bytes=others.left_bytes
            + sum(
                max(0, one.progress.bytes_total - one.progress.bytes_done)
                for one in live
                if one.phase is not Phase.PAUSED
            ),
            pulls=others.pulls,
            checks=others.checks,
            repairs=others.repairs,
        )

    @property
    def at_work(self) -> bool:
        """Whether anything runs."""
        return bool(self.running or self.pulls or self.checks or self.repairs)

    @property
    def eta_seconds(self) -> float | None:
        """Until all that is not paused is there; None while nothing moves or nothing is left."""
        moves = self.speed_bps >= 1 and self.left_bytes > 0
        return self.left_bytes / self.speed_bps if moves else None


def live() -> Live:
    """The strip as a moving part that paints where the fragment stands."""

    def paint() -> None:
        pulse = _pulse()
        link("downloads", words(pulse), icon="downloading" if pulse.at_work else "download")

    return Live(paint=paint, structure=lambda: None, is_moving=_is_moving)


def words(pulse: Pulse) -> str:
    """The strip's text, such as `2 downloads · 84.0 MB/s · 3 min left`."""
    if pulse.at_work:  # few words: they stand in one line on a telephone too
        nouns = (
            (pulse.running, "download"),
            (pulse.pulls, "pull"),
            (pulse.repairs, "repair"),
            (pulse.checks, "check"),
        )
        parts = [formats.count(number, noun) for number, noun in nouns if number]
        if pulse.running or pulse.pulls or pulse.repairs:
            parts.append(formats.speed(pulse.speed_bps))
        if pulse.eta_seconds is not None:
            parts.append(formats.remaining(pulse.eta_seconds))
        counted = [(pulse.queued, "queued")]
    else:
        parts = ["Nothing is running"]
        counted = [(pulse.queued, "queued"), (pulse.paused, "paused"), (pulse.failed, "failed")]
    return " · ".join(parts + [f"{number} {word}" for number, word in counted if number])


def _is_moving() -> bool:
    pulse = _pulse()
    return bool(pulse.at_work or pulse.queued)


def _pulse() -> Pulse:
    return Pulse.of(snapshot.statuses(), snapshot.other_work())
