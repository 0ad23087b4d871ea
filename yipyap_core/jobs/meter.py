"""What a running job has done so far: counters that workers bump and readers sample.

Each thread bumps counters of its own, so there is no lock on the way of the bytes; a reader adds
them up. Lines for the timeline wait here until the runner writes them.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from yipyap_core.domain.connections import HostUse, together
from yipyap_core.domain.jobs import JobEvent, Phase, Progress
from yipyap_core.jobs.clock import Clock
from yipyap_core.sizes import size_words

SMOOTHING_SECONDS = 4.0
"""Time constant of the speed: what is older counts less than a third."""
SPARK_SECONDS = 1.0
SPARK_LENGTH = 60
MAX_EVENTS = 200
"""Lines that one attempt may add to the timeline; a flood is cut, and the cut is said."""


@dataclass(slots=True)
class _Cell:
    """Counters that one thread owns."""

    fetched: int = 0
    kept: int = 0
    lost: int = 0
    fleeting: int = 0


class Meter:
    """Progress, phase and speed of one attempt of a job."""

    def __init__(
        self,
        clock: Clock,
        *,
        start: Progress | None = None,
        fetched_before: int = 0,
        active_before: float = 0.0,
        uses_before: tuple[HostUse, ...] = (),
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """Go on from what earlier attempts had; `on_change` is called when a phase changes."""
        self._clock = clock
        self._on_change = on_change
        self._local = threading.local()
        self._lock = threading.Lock()
        self._cells: list[_Cell] = []
        self._base = _Cell()
        self._events: list[JobEvent] = []
        self._event_count = 0
        self._said: set[Phase] = set()
        self._phase = Phase.QUEUED
        self._floor = start.bytes_done if start else 0
        self._total = start.bytes_total if start else 0
        self._files_total = start.files_total if start else 0
        self._files_floor = start.files_done if start else 0
        self._files_done = 0
        self._open: dict[str, None] = {}  # in the order in which they were started
        self._unhashed: dict[str, int] = {}
        self._whole = self._whole_floor = 0
        self._uses: list[Callable[[], tuple[HostUse, ...]]] = [lambda: uses_before]
        self._fetched_before = fetched_before
        self._active_before = active_before
        self._began = clock.monotonic()
        self._speed = _Speed(self._began)

    # the worker's side

    @property
    def phase(self) -> Phase:
        """What the job is busy with."""
        return self._phase

    def set_phase(self, phase: Phase) -> None:
        """Enter a phase; the first time it makes a line in the timeline, a stall each time."""
        with self._lock:
            if phase is self._phase:
                return
            self._phase = phase
            is_news = phase not in self._said or phase is Phase.STALLED
            self._said.add(phase)
        if is_news:
            self.note(phase.value, PHASE_SENTENCES.get(phase, phase.value))
        self._on_change()

    def set_plan(
        self,
        *,
        bytes_total: int,
        files_total: int,
        kept_bytes: int,
        kept_files: int = 0,
        kept_whole_bytes: int = 0,
    ) -> None:
        """Say what is to be done, and what of it is on the disk already.

        `kept_whole_bytes` are those of `kept_bytes` that make whole files. What is counted from
        here on is counted anew: a transfer tells first what it found.
        """
        before = self.snapshot().bytes_done
        with self._lock:
            self._total = bytes_total
            self._files_total = files_total
            self._floor, self._files_floor, self._files_done = kept_bytes, kept_files, 0
            self._whole, self._whole_floor = 0, kept_whole_bytes
            self._open.clear()
            self._unhashed.clear()
            self._base = _sum(self._cells)
        if kept_bytes < before:
            self.note(
                "fewer_kept", f"{size_words(kept_bytes)} of {size_words(before)} are on the disk."
            )

    def add_bytes(self, size_bytes: int) -> None:
        """Count bytes that came over the network and are written."""
        self._cell().fetched += size_bytes

    def add_kept_bytes(self, size_bytes: int) -> None:
        """Count bytes that needed no network."""
        self._cell().kept += size_bytes

    def add_fleeting_bytes(self, size_bytes: int) -> None:
        """Count bytes that a stop would lose; negative for those it would not lose any more."""
        self._cell().fleeting += size_bytes

    def file_started(self, path: str) -> None:
        """Show this file as the one that arrives, until it is done or another one starts."""
        with self._lock:
            self._open.pop(path, None)
            self._open[path] = None

    def file_done(self, path: str = "", size_bytes: int = 0) -> None:
        """Count one more file as complete, and the bytes that became whole with it."""
        with self._lock:
            self._files_done += 1
            self._whole += size_bytes
            self._open.pop(path, None)
            self._unhashed.pop(path, None)

    def hashing(self, path: str, left_bytes: int) -> None:
        """Nothing but the hash of this file is left to do, over so many more bytes."""
        with self._lock:
            self._unhashed[path] = left_bytes

    def uses(self, look: Callable[[], tuple[HostUse, ...]]) -> None:
        """Read from `look` which connections a part of this attempt uses."""
        self._uses.append(look)

    def restart_file(self, path: str, lost_bytes: int, reason: str) -> None:
        """Take back counted bytes of a file, and say why in the timeline."""
        with self._lock:
            self._unhashed.pop(path, None)
        self._cell().lost += lost_bytes
        self.note("restart_file", f"{path}: {size_words(lost_bytes)} are fetched again: {reason}")

    def note(self, kind: str, message: str) -> None:
        """Add a line to the timeline; the runner writes it within a second."""
        with self._lock:
            self._event_count += 1
            if self._event_count == MAX_EVENTS:
                kind, message = "cut", "Further lines of this attempt are left out."
            if self._event_count <= MAX_EVENTS:
                self._events.append(JobEvent(self._clock.now(), kind, message))

    # the reader's side

    @property
    def fetched_bytes(self) -> int:
        """What came over the network in this attempt."""
        return sum(cell.fetched for cell in self._all_cells())

    @property
    def totals(self) -> tuple[int, float]:
        """Bytes fetched and seconds at work, over all attempts."""
        seconds = self._active_before + self._clock.monotonic() - self._began
        return self._fetched_before + self.fetched_bytes, seconds

    @property
    def connections(self) -> tuple[HostUse, ...]:
        """What was asked for over the network, all attempts together."""
        return together(*(look() for look in self._uses))

    def sample(self) -> None:
        """Take the speed anew; called by one thread, a few times a second."""
        self._speed.sample(self._clock.monotonic(), self.fetched_bytes)

    def speeds(self) -> tuple[float, ...]:
        """Speeds of the last minute, one a second, oldest first."""
        return tuple(self._speed.spark)

    def drain_events(self) -> tuple[JobEvent, ...]:
        """Hand over the lines that wait to be written."""
        with self._lock:
            events, self._events = tuple(self._events), []
        return events

    def snapshot(self) -> Progress:
        """Add the counters up; cheap enough for every reader, never amid a change of plan."""
        with self._lock:
            base, now = self._base, _sum(self._cells)
            floor, total = self._floor, self._total
            files_done, files_total = max(self._files_done, self._files_floor), self._files_total
            whole, unfinished = max(self._whole, self._whole_floor), len(self._open)
            current_file = next(reversed(self._open), None)
            unhashed = sum(self._unhashed.values())
        fetched = now.fetched - base.fetched
        kept = now.kept - base.kept
        # until the first byte arrives, a transfer is still counting what there is
        counted = (kept if fetched else max(kept, floor)) + fetched - now.lost + base.lost
        done = max(0, min(counted, total) if total else counted)
        speed = self._speed.bps
        left = total - done
        return Progress(
            bytes_done=done,
            bytes_total=total,
            files_done=min(files_done, files_total),
            files_total=files_total,
            current_file=current_file,
            speed_bps=speed,
            eta_seconds=left / speed if speed > 1 and left > 0 else None,
            whole_bytes=min(done, whole),
            fleeting_bytes=max(0, min(now.fleeting, done - whole)),
            unfinished_files=unfinished,
            unhashed_bytes=unhashed,
        )

    def _cell(self) -> _Cell:
        try:
            return self._local.cell  # type: ignore[no-any-return]
        except AttributeError:
            cell = _Cell()
            with self._lock:
                self._cells.append(cell)
            self._local.cell = cell
            return cell

    def _all_cells(self) -> list[_Cell]:
        with self._lock:
            return list(self._cells)


def _sum(cells: list[_Cell]) -> _Cell:
    return _Cell(
        sum(cell.fetched for cell in cells),
        sum(cell.kept for cell in cells),
        sum(cell.lost for cell in cells),
        sum(cell.fleeting for cell in cells),
    )


class _Speed:
    """Bytes a second as a weighted mean in which older moments fade, right from the start."""

    def __init__(self, now: float) -> None:
        self.bps = 0.0
        self.spark: deque[float] = deque(maxlen=SPARK_LENGTH)
        self._at = now
        self._bytes = 0
        self._weighted_bytes = 0.0
        self._weighted_seconds = 0.0
        self._spark_at = now
        self._spark_bytes = 0

    def sample(self, now: float, fetched: int) -> None:
        seconds = now - self._at
        if seconds <= 0:
            return
        decay = math.exp(-seconds / SMOOTHING_SECONDS)
        self._weighted_bytes = self._weighted_bytes * decay + (fetched - self._bytes)
        self._weighted_seconds = self._weighted_seconds * decay + seconds
        self._at, self._bytes = now, fetched
        self.bps = max(0.0, self._weighted_bytes / self._weighted_seconds)
        if now - self._spark_at >= SPARK_SECONDS:
            self.spark.append((fetched - self._spark_bytes) / (now - self._spark_at))
            self._spark_at, self._spark_bytes = now, fetched


PHASE_SENTENCES = {
    Phase.RESOLVING: "Asking the publisher for the list of files.",
    Phase.CHECKING_SPACE: "Comparing what is missing with the free space.",
    Phase.TRANSFERRING: "Bytes are arriving.",
    Phase.STALLED: "No bytes arrive; the connection is made anew.",
    Phase.VERIFYING: "Comparing hashes with the publisher's.",
    Phase.COMMITTING: "Putting the files in their place.",
}
