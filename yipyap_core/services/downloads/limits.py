"""The limits of downloads: kept over restarts, in force at once, the same in every process."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any, Protocol

from yipyap_core.domain.download_queue import DownloadLimits, QuietHours
from yipyap_core.domain.jobs import FETCHES_FROM_THE_HUB, Job, JobState
from yipyap_core.errors import DownloadsDisabled, Invalid
from yipyap_core.jobs.clock import Clock
from yipyap_core.jobs.work import Gate, Verdict
from yipyap_core.services.downloads.space import SpaceBook
from yipyap_core.stores.preferences import PreferenceStore

KEY = "download_limits"
REREAD_SECONDS = 5.0
"""Another process on the same store may have changed the limits."""


class Bandwidth(Protocol):
    """A limit of bytes per second that transfers share."""

    def change(self, bytes_per_second: int | None) -> None:
        """Hold another limit from now on."""


class LimitBook:
    """Reads and writes the limits, and hands changes to those who hold them."""

    def __init__(
        self,
        *,
        store: PreferenceStore,
        default: DownloadLimits,
        bandwidth: Bandwidth,
        clock: Clock,
    ) -> None:
        """Start with what is kept, or with `default`."""
        self._store = store
        self._default = default
        self._bandwidth = bandwidth
        self._clock = clock
        self._lock = threading.Lock()
        self._changing = threading.Lock()
        self._set_concurrent: Callable[[int], None] = _ignore
        self._read_at = clock.monotonic()
        self._limits = self._read()
        bandwidth.change(self._limits.bandwidth_limit_bps)

    def hand_to(self, set_concurrent: Callable[[int], None]) -> None:
        """Tell the number of concurrent jobs now, and after each change."""
        self._set_concurrent = set_concurrent
        set_concurrent(self.now().max_concurrent)

    def now(self) -> DownloadLimits:
        """The limits in force; sees within seconds what another process set."""
        if self._clock.monotonic() - self._read_at >= REREAD_SECONDS:
            self._read_at = self._clock.monotonic()
            self._apply(self._read())
        return self._limits

    def change(self, change: Callable[[DownloadLimits], DownloadLimits], *, actor: str) -> None:
        """Keep what `change` makes of the limits in one write, and put it in force.

        What it raises leaves everything as it was. It is given what the store holds now.
        """
        with self._changing:
            limits = change(self._read())
            value = limits_to_json(limits)
            self._store.set(KEY, value, actor=actor, now=self._clock.now())
            self._apply(limits)

    def is_quiet(self) -> bool:
        """Whether the quiet hours are on."""
        hours = self._limits.quiet_hours
        return hours is not None and hours.contains(self._local_now())

    def _local_now(self) -> dt.datetime:
        return self._clock.now().astimezone()

    def _read(self) -> DownloadLimits:
        return limits_of_json(self._store.get(KEY), self._default)

    def _apply(self, limits: DownloadLimits) -> None:
        with self._lock:
            before, self._limits = self._limits, limits
        if limits.bandwidth_limit_bps != before.bandwidth_limit_bps:
            self._bandwidth.change(limits.bandwidth_limit_bps)
        if limits.max_concurrent != before.max_concurrent:
            self._set_concurrent(limits.max_concurrent)


class DownloadGate:
    """Says for each job that fetches from the hub whether it may run at this moment."""

    def __init__(
        self, *, limits: LimitBook, space: SpaceBook, disabled: Callable[[], bool]
    ) -> None:
        """`disabled` is asked at each decision."""
        self._limits = limits
        self._space = space
        self._disabled = disabled

    def __call__(self, job: Job) -> Verdict:
        """Judge one job; jobs of other kinds always may."""
        if job.kind not in FETCHES_FROM_THE_HUB:
            return Verdict(Gate.OPEN)
        if self._disabled():
            return Verdict(Gate.STOP, f"{DownloadsDisabled().message}; what arrived is kept.")
        if job.state is JobState.RUNNING and self._space.is_critical():
            return Verdict(Gate.HOLD, "The volume of the cache is nearly full.")
        limits = self._limits.now()
        if limits.quiet_hours is not None and self._limits.is_quiet():
            stops = limits.quiet_hours.stops_running
            return Verdict(Gate.HOLD if stops else Gate.CLOSED, "Waits for the quiet hours' end.")
        if job.payload.get("waits_for_space") and not self._space.fits(job):
            return Verdict(Gate.CLOSED)
        return Verdict(Gate.OPEN)


def limits_to_json(limits: DownloadLimits) -> dict[str, Any]:
    """Write limits so that `limits_of_json` gives the same ones."""
    hours = limits.quiet_hours
    return {
        "max_concurrent": limits.max_concurrent,
        "bandwidth_limit_bps": limits.bandwidth_limit_bps,
        "quiet_hours": hours
        and {
            "start": hours.start.isoformat("minutes"),
            "end": hours.end.isoformat("minutes"),
            "stops_running": hours.stops_running,
        },
    }


def limits_of_json(value: Any, default: DownloadLimits) -> DownloadLimits:
    """Read kept limits; the default when there are none, or none that make sense."""
    try:
        hours = value["quiet_hours"]
        return DownloadLimits(
            max_concurrent=int(value["max_concurrent"]),
            bandwidth_limit_bps=value["bandwidth_limit_bps"],
            quiet_hours=hours
            and QuietHours(
                dt.time.fromisoformat(hours["start"]),
                dt.time.fromisoformat(hours["end"]),
                bool(hours["stops_running"]),
            ),
        )
    except (TypeError, KeyError, ValueError, Invalid):
        return default


def _ignore(count: int) -> None:
    """No runner is known yet."""
