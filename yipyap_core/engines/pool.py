"""Which workers there are: one per plan, loaded once however many ask, evicted by need or time."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from yipyap_core.domain.engines import (
    Device,
    EngineInfo,
    LoadPlan,
    MemoryUse,
    Outcome,
    WorkerStatus,
)
from yipyap_core.engines.asking import Ask, GivenUp, wait_for_load
from yipyap_core.engines.base import EngineSpec
from yipyap_core.engines.entries import Entry, Lease
from yipyap_core.engines.failures import GPU_OUT_OF_MEMORY
from yipyap_core.engines.ledger import Ledger, stopped
from yipyap_core.engines.loading import Loader, PoolOptions
from yipyap_core.engines.memory import Budget, Measure
from yipyap_core.engines.process import RunResult, WorkerGone, WorkerProcess
from yipyap_core.errors import (
    EngineBusy,
    EngineCancelled,
    EngineCrashed,
    EngineMarkedFailed,
    EngineOutOfMemory,
    ModelInUse,
)

SWEEP_SECONDS = 15.0
ATTEMPTS = 3


def utc_now() -> dt.datetime:
    """Read the clock, aware and in UTC."""
    return dt.datetime.now(dt.UTC)


class EnginePool:
    """Every method may be called from any thread; loads run one at a time in a thread of ours."""

    def __init__(
        self,
        *,
        engines: Mapping[str, EngineSpec],
        environment: Mapping[str, str],
        measure: Measure,
        budget: Budget | None = None,
        options: PoolOptions | None = None,
        package: str = "yipyap_core.engines.families",
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        """Start with no worker; `package` is where workers find the same engines."""
        self._engines = dict(engines)
        self.options = options or PoolOptions()
        self._clock = clock
        self.ledger = Ledger(self.options.crash_limit)
        self._loads = ThreadPoolExecutor(1, thread_name_prefix="load")
        self.loader = Loader(
            engines=engines,
            package=package,
            environment=environment,
            measure=measure,
            budget=budget or Budget(),
            options=self.options,
            ledger=self.ledger,
        )

    def start(self) -> None:
        """Unload what is idle from time to time, until `close`."""
        threading.Thread(target=self._sweep_forever, name="engine sweep", daemon=True).start()

    def close(self) -> None:
        """End every worker and take no more requests."""
        self.ledger.close()
        self._loads.shutdown(cancel_futures=True)

    def run(self, ask: Ask) -> Outcome:
        """Answer one request, loading the model first where needed.

        Raises the engine's own error, or `EngineCrashed`, `EngineTimedOut`, `EngineBusy`,
        `EngineMarkedFailed`, `EngineOutOfMemory`, `EngineCancelled`.
        """
        deadline = time.monotonic() + ask.timeout_seconds
        for attempt in range(1, ATTEMPTS + 1):
            with self._lease(ask, deadline) as lease:
                try:
                    return self._outcome(lease, self._asked(lease, ask, deadline))
                except WorkerGone as gone:
                    if gone.started or attempt == ATTEMPTS:
                        raise EngineCrashed(gone.message) from gone
                except EngineOutOfMemory as error:
                    if not self._fall_back(lease.entry, error):
                        raise
        raise EngineCrashed("The worker ended again and again before it took the request.")

    def load(self, plan: LoadPlan, *, timeout_seconds: float = 900.0) -> WorkerStatus:
        """Bring a model into memory and wait for it; forgives earlier crashes."""
        with self.ledger.changed:
            entry = self.ledger.entry(plan)
            entry.failed, entry.crashes = False, 0
        with self._lease(Ask(plan, b"", timeout_seconds=timeout_seconds), None):
            pass
        return entry.status()

    def unload(self, key: str) -> bool:
        """End a worker that nobody uses; False when there was none. Raises `ModelInUse`."""
        with self.ledger.changed:
            entry = self.ledger.entries.get(key)
            if entry is None:
                return False
            if entry.leases:
                raise ModelInUse("The model answers a request at this moment.")
            entry.failed, entry.error, entry.crashes = False, "", 0
            if entry.load and entry.load.cancel():
                entry.load = None
            worker = self.ledger.taken(entry)
        return stopped(worker)

    def retire(self, key: str) -> None:
        """End a worker as soon as its last request is answered."""
        with self.ledger.changed:
            entry = self.ledger.entries.get(key)
            if entry is None:
                return
            entry.pinned = entry.kept = False
            entry.retiring = bool(entry.leases)
            worker = None if entry.leases else self.ledger.taken(entry)
        stopped(worker)

    def pin(self, key: str, pinned: bool) -> None:
        """Never evict or unload for idleness while pinned; nothing happens without such a key."""
        self.ledger.mark(key, pinned=pinned)

    def keep(self, key: str, kept: bool) -> None:
        """The same while a successor is loaded."""
        self.ledger.mark(key, kept=kept)

    def measure_peak(self, key: str) -> MemoryUse:
        """Ask a worker for the highest memory it ever held."""
        with self.ledger.changed:
            entry = self.ledger.entries.get(key)
            worker = entry.worker if entry else None
        stats = worker.stats() if worker else {}
        peak = MemoryUse(stats.get("ram_peak_bytes", 0), stats.get("gpu_peak_bytes", 0))
        with self.ledger.changed:
            if entry:
                entry.peak = peak
        return peak

    def sweep(self) -> tuple[str, ...]:
        """Unload what was idle for too long; returns the keys."""
        limit = self.options.idle_seconds
        if limit is None:
            return ()
        oldest = time.monotonic() - limit
        with self.ledger.changed:
            idle = [one.key for one in self.ledger.entries.values() if one.is_idle(oldest)]
        return tuple(key for key in idle if self.ledger.evict(key))

    @contextmanager
    def _lease(self, ask: Ask, deadline: float | None) -> Iterator[Lease]:
        """Wait for the model, use it, and say that it is free again."""
        began = time.monotonic()
        until = began + ask.timeout_seconds if deadline is None else deadline
        entry = self._queued(ask)
        try:
            worker, info = self._ready(entry, until, ask)
        finally:
            with self.ledger.changed:
                entry.waiting -= 1
        try:
            yield Lease(entry, worker, info, time.monotonic() - began)
        finally:
            self._release(entry)

    def _queued(self, ask: Ask) -> Entry:
        with self.ledger.changed:
            entry = self.ledger.entry(ask.plan)
            if entry.waiting + entry.leases >= self.options.queue_limit:
                raise EngineBusy(f"{entry.waiting + entry.leases} requests wait for this model.")
            nobody = entry.is_background or not (entry.waiting or entry.load or entry.worker)
            entry.is_background = ask.is_background and nobody
            entry.waiting += 1
            return entry

    def _ready(self, entry: Entry, deadline: float, ask: Ask) -> tuple[WorkerProcess, EngineInfo]:
        """Take a lease, joining or starting a load until the model can serve."""
        while True:
            with self.ledger.changed:
                if self.ledger.closing.is_set():
                    raise EngineCancelled("The server is stopping.")
                if entry.failed:
                    raise EngineMarkedFailed(entry.failed_words())
                if entry.worker and entry.info and entry.can_serve:
                    entry.leases += 1
                    entry.used(self._clock())
                    self.ledger.moved()
                    return entry.worker, entry.info
                load = entry.load or self._start_load(entry)
            try:
                wait_for_load(load, deadline, ask.cancelled)
            except GivenUp:
                if ask.is_background:
                    raise

    def _start_load(self, entry: Entry) -> Future[None]:
        if not entry.is_background:
            self.ledger.clear_the_way()
        load = entry.queue_load(self._loads.submit(self._load, entry))
        self.ledger.moved()
        return load

    def _load(self, entry: Entry) -> None:
        """Run in the loading thread."""
        try:
            self._wait_until_free(entry)
            self.loader.load(entry)
        except Exception as error:
            with self.ledger.changed:
                entry.error = "" if isinstance(error, GivenUp) else str(error)
                worker = entry.let_go()
            stopped(worker)
            raise
        finally:
            with self.ledger.changed:
                entry.load = None
                entry.used(self._clock())
                self.ledger.moved()

    def _wait_until_free(self, entry: Entry) -> None:
        """An entry that retires answers its last requests before it is loaded anew."""
        with self.ledger.changed:
            self.ledger.changed.wait_for(lambda: entry.leases == 0 or self.ledger.closing.is_set())
            worker = self.ledger.taken(entry) if entry.worker else None
        stopped(worker)

    def _asked(self, lease: Lease, ask: Ask, deadline: float) -> RunResult:
        return lease.worker.run(
            ask.picture,
            config=ask.config,
            params=ask.params,
            timeout_seconds=max(0.001, deadline - time.monotonic()),
            on_text=ask.on_text,
            cancelled=ask.cancelled,
        )

    def _outcome(self, lease: Lease, result: RunResult) -> Outcome:
        with self.ledger.changed:
            lease.entry.crashes = 0
            lease.entry.requests += 1
        return Outcome(
            answer=result.answer,
            model_ids=lease.entry.plan.model_ids,
            info=lease.info,
            processing_seconds=result.seconds,
            run_seconds=result.run_seconds,
            load_seconds=lease.waited_seconds,
        )

    def _release(self, entry: Entry) -> None:
        with self.ledger.changed:
            entry.leases -= 1
            entry.used(self._clock())
            leaves = entry.retiring and not entry.leases and not entry.load
            worker = self.ledger.taken(entry) if leaves else None
            self.ledger.moved()
        stopped(worker)

    def _fall_back(self, entry: Entry, error: EngineOutOfMemory) -> bool:
        """Move a model to the CPU after a request for which the GPU had no room."""
        spec = self._engines[entry.plan.engine]
        if error.code != GPU_OUT_OF_MEMORY or not spec.falls_back_to_cpu:
            return False
        with self.ledger.changed:
            if entry.plan.device is not Device.CPU and not entry.fallback:
                entry.fallback = f"{error.message} It runs on the CPU instead."
                entry.retiring = True
        return True

    def _sweep_forever(self) -> None:
        while not self.ledger.closing.wait(SWEEP_SECONDS):
            self.sweep()
