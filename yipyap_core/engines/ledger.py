"""The pool's books: every plan that was asked for, what became of its worker, and who is told."""

from __future__ import annotations

import logging
import threading

from yipyap_core.domain.engines import LoadPlan, WorkerStatus
from yipyap_core.engines.entries import Entry
from yipyap_core.engines.process import WorkerProcess

log = logging.getLogger(__name__)

GAVE_WAY = "Another model was wanted meanwhile."


class Ledger:
    """Entries by key under one condition; workers are ended outside of it."""

    def __init__(self, crash_limit: int) -> None:
        """Empty; so many crashes in a row mark an entry as failed."""
        self.changed = threading.Condition()
        """Guards everything here; notified whenever anything moved."""
        self.closing = threading.Event()
        self.entries: dict[str, Entry] = {}
        self._crash_limit = crash_limit
        self._generation = 0

    @property
    def generation(self) -> int:
        """A number that moves whenever a status may have changed."""
        return self._generation

    def wait(self, generation: int, timeout_seconds: float) -> int:
        """Wait until something moved since `generation`, or so long; returns the present one."""
        with self.changed:
            self.changed.wait_for(lambda: self._generation != generation, timeout_seconds)
            return self._generation

    def entry(self, plan: LoadPlan) -> Entry:
        """Look a plan up, or begin its page; call it under the guard."""
        return self.entries.setdefault(plan.key, Entry(plan))

    def moved(self) -> None:
        """Tell whoever waits; call it under the guard."""
        self._generation += 1
        self.changed.notify_all()

    def mark(self, key: str, *, pinned: bool | None = None, kept: bool | None = None) -> None:
        """Set what keeps an entry loaded; nothing happens without such a key."""
        with self.changed:
            if entry := self.entries.get(key):
                entry.pinned = entry.pinned if pinned is None else pinned
                entry.kept = entry.kept if kept is None else kept
                self.moved()

    def status(self, key: str) -> WorkerStatus | None:
        """One worker; None when the plan was never asked for."""
        with self.changed:
            entry = self.entries.get(key)
            return entry.status() if entry else None

    def statuses(self) -> tuple[WorkerStatus, ...]:
        """Every plan that was ever asked for, oldest first."""
        with self.changed:
            return tuple(entry.status() for entry in self.entries.values())

    def taken(self, entry: Entry) -> WorkerProcess | None:
        """Take a worker out of the books under the guard, so that its end counts as no crash."""
        worker = entry.let_go()
        if worker:
            worker.was_stopped = True
        self.moved()
        return worker

    def clear_the_way(self) -> None:
        """Give up loads that nobody waits for; call it under the guard before ordering another."""
        for entry in self.entries.values():
            if not entry.is_background or entry.load is None:
                continue
            if entry.load.cancel():
                entry.load = None
                continue
            entry.gave_way = True
            if worker := self.taken(entry):
                worker.kill(GAVE_WAY)

    def evict(self, key: str) -> bool:
        """End a worker unless somebody needs it; False when nothing was ended."""
        with self.changed:
            entry = self.entries[key]
            if entry.leases or entry.pinned or entry.kept or entry.load:
                return False
            worker = self.taken(entry)
        return stopped(worker)

    def leave(self, key: str) -> bool:
        """End a worker that was loaded for a background request, unless somebody needs it since."""
        with self.changed:
            entry = self.entries[key]
            if not entry.is_background or entry.waiting:
                return False
        return self.evict(key)

    def close(self) -> None:
        """End every worker; nothing is started any more."""
        self.closing.set()
        with self.changed:
            workers = [self.taken(entry) for entry in self.entries.values()]
        for worker in workers:
            stopped(worker)

    def worker_gone(self, worker: WorkerProcess) -> None:
        """Note a worker's end; several in a row that nobody ordered mark the model as failed."""
        with self.changed:
            entry = next((one for one in self.entries.values() if one.worker is worker), None)
            if entry is None or worker.was_stopped:
                return
            entry.let_go()
            entry.crashes += 1
            entry.error, entry.last_words = worker.exit_reason, worker.last_words
            entry.failed = entry.crashes >= self._crash_limit
            self.moved()
        log.warning("%s: %s %s", entry.key, worker.exit_reason, worker.last_words)


def stopped(worker: WorkerProcess | None) -> bool:
    """End a worker and wait for it; False when there is none."""
    if worker:
        worker.stop()
    return worker is not None
