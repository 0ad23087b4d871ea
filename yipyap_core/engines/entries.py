"""One plan in the pool's books: its worker, who uses it, and what became of it."""

from __future__ import annotations

import datetime as dt
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

from yipyap_core.domain.engines import (
    EngineInfo,
    EngineState,
    LoadPhase,
    LoadPlan,
    LoadProgress,
    MemoryUse,
    WorkerStatus,
)
from yipyap_core.engines.process import WorkerProcess
from yipyap_core.engines.residency import Amount, Resident


@dataclass
class Entry:
    """Changed only under the pool's guard."""

    plan: LoadPlan
    worker: WorkerProcess | None = None
    load: Future[None] | None = None
    """The load under way, which everyone who needs the model joins."""
    info: EngineInfo | None = None
    gpu_uuid: str = ""
    memory: Amount = field(default_factory=Amount)
    """Measured after loading; kept for the next time."""
    peak: MemoryUse = field(default_factory=MemoryUse)
    phase: LoadPhase = LoadPhase.STARTING
    bytes_done: int = 0
    load_began: float = 0.0
    load_seconds: float = 0.0
    leases: int = 0
    waiting: int = 0
    requests: int = 0
    crashes: int = 0
    failed: bool = False
    pinned: bool = False
    kept: bool = False
    """Serves until its successor is ready."""
    is_background: bool = False
    """Loaded for nobody who waits: it takes no other's place, and gives way to other loads."""
    gave_way: bool = False
    """The load under way was given up for another one."""
    retiring: bool = False
    """Goes as soon as nobody uses it."""
    fallback: str = ""
    """Why it runs on the CPU although the GPU was asked for."""
    last_used: float = 0.0
    last_used_at: dt.datetime | None = None
    error: str = ""
    last_words: str = ""

    @property
    def key(self) -> str:
        """Of the plan."""
        return self.plan.key

    @property
    def can_serve(self) -> bool:
        """Whether a request may be sent to the worker now."""
        return self.worker is not None and self.info is not None and not self.retiring

    @property
    def state(self) -> EngineState:
        """As people read it."""
        if self.failed:
            return EngineState.FAILED
        if self.load is not None:
            return EngineState.LOADING
        if not self.can_serve:
            return EngineState.UNLOADED
        return EngineState.BUSY if self.leases else EngineState.READY

    def is_idle(self, oldest: float) -> bool:
        """Whether it is loaded and nobody needed it since `oldest`."""
        busy = self.leases or self.pinned or self.kept or self.load
        return self.can_serve and not busy and self.last_used < oldest

    def failed_words(self) -> str:
        """Why nothing is started any more."""
        words = self.last_words.splitlines()
        last = f" Its last words: {words[-1]}" if words else ""
        return f"The model's worker ended {self.crashes} times in a row. {self.error}{last}"

    def used(self, now: dt.datetime) -> None:
        """Note that somebody needed it just now."""
        self.last_used, self.last_used_at = time.monotonic(), now

    def let_go(self) -> WorkerProcess | None:
        """Take the worker out of the books; whoever calls ends it."""
        worker, self.worker, self.info = self.worker, None, None
        self.retiring = False
        return worker

    def resident(self, gpu_uuid: str) -> Resident:
        """The entry as the rules of eviction see it, for room on one card."""
        gpu = self.memory.gpu_bytes if self.gpu_uuid == gpu_uuid else 0
        now = self.worker.resident_bytes() if self.worker else 0
        ram = max(now, self.memory.ram_bytes)
        kept = bool(self.leases or self.pinned or self.kept or self.load)
        return Resident(self.key, Amount(ram, gpu), self.last_used, kept)

    def queue_load(self, load: Future[None]) -> Future[None]:
        """Note a load that was ordered and may wait for others; returns it."""
        self.load, self.gave_way = load, False
        self.begin_load()
        return load

    def begin_load(self) -> None:
        """Count the seconds and bytes from here."""
        self.load_began, self.phase, self.bytes_done = time.monotonic(), LoadPhase.QUEUED, 0

    def progress(self) -> LoadProgress:
        """How far the load is, or how it ended."""
        running = self.load is not None
        seconds = time.monotonic() - self.load_began if running else self.load_seconds
        phase = self.phase if running else LoadPhase.DONE
        total = self.plan.bytes_total
        return LoadProgress(phase, self.bytes_done if running else total, total, seconds)

    def status(self) -> WorkerStatus:
        """A snapshot for people."""
        worker = self.worker
        ram = worker.resident_bytes() if worker else 0
        return WorkerStatus(
            key=self.key,
            plan=self.plan,
            state=self.state,
            progress=self.progress(),
            info=self.info,
            memory=MemoryUse(ram, self.memory.gpu_bytes if worker else 0),
            peak=MemoryUse(max(ram, self.peak.ram_bytes), self.peak.gpu_bytes),
            pid=worker.pid if worker else None,
            in_use=self.leases,
            queued=self.waiting,
            requests=self.requests,
            pinned=self.pinned,
            load_seconds=self.load_seconds,
            last_used_at=self.last_used_at,
            crashes=self.crashes,
            error=self.error,
            last_words=self.last_words,
        )


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to ask a worker; it is not ended meanwhile but for its own failure."""

    entry: Entry
    worker: WorkerProcess
    info: EngineInfo
    waited_seconds: float
