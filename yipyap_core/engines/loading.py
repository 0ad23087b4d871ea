"""One load at a time: find room, start a worker, load, measure, fall back when a GPU is full."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass

from yipyap_core.domain.engine_limits import CardLimit
from yipyap_core.domain.engines import (
    CpuPrecision,
    Device,
    EngineInfo,
    LoadPhase,
    LoadPlan,
    MemoryUse,
)
from yipyap_core.engines.asking import GivenUp
from yipyap_core.engines.base import EngineSpec
from yipyap_core.engines.entries import Entry
from yipyap_core.engines.failures import GPU_OUT_OF_MEMORY
from yipyap_core.engines.ledger import GAVE_WAY, Ledger
from yipyap_core.engines.memory import VISIBLE, Budget, Gpu, HostMemory, Measure
from yipyap_core.engines.process import WorkerGone, WorkerProcess
from yipyap_core.engines.residency import Amount, Resident, to_evict
from yipyap_core.errors import EngineCancelled, EngineCrashed, EngineOutOfMemory, YipyapError


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How patient the pool is."""

    request_timeout_seconds: float = 120.0
    """Of a request that names none, waiting and loading included."""
    load_timeout_seconds: float = 900.0
    room_timeout_seconds: float = 60.0
    """How long a load waits for models in use to become free."""
    idle_seconds: float | None = 1800.0
    """A model that nobody used for so long goes; None: it stays."""
    queue_limit: int = 64
    """Requests that may wait for one model."""
    cpu_precision: CpuPrecision = CpuPrecision.AUTO
    crash_limit: int = 3
    """So many crashes in a row mark a model as failed."""


class Loader:
    """Loads entries, from the pool's one loading thread."""

    def __init__(
        self,
        *,
        engines: Mapping[str, EngineSpec],
        package: str,
        environment: Mapping[str, str],
        measure: Measure,
        budget: Budget,
        options: PoolOptions,
        ledger: Ledger,
    ) -> None:
        """Know where engines are declared and what workers inherit."""
        self._engines = engines
        self._package = package
        self._environment = dict(environment)
        self._measure = measure
        self._budget = budget
        self._options = options
        self._ledger = ledger

    def load(self, entry: Entry) -> None:
        """Bring the entry's model into memory; raises why it could not be."""
        entry.begin_load()
        plan = entry.plan.on(Device.CPU) if entry.fallback else entry.plan
        try:
            self._load(entry, plan)
        except EngineOutOfMemory as error:
            if not self._may_fall_back(plan, error):
                raise
            entry.fallback = f"{error.message} It runs on the CPU instead."
            self._load(entry, plan.on(Device.CPU))
        entry.load_seconds = time.monotonic() - entry.load_began

    def limits(self) -> tuple[int, int, tuple[CardLimit, ...]]:
        """Budget of the host's memory, what models hold of it, and the same for each card."""
        host = self._measure.host()
        with self._ledger.changed:
            entries = [one for one in self._ledger.entries.values() if one.worker]
            held = {
                uuid: sum(one.resident(uuid).held.gpu_bytes for one in entries)
                for uuid in (gpu.uuid for gpu in host.gpus)
            }
            ram = sum(one.resident("").held.ram_bytes for one in entries)
        cards = tuple(
            CardLimit(gpu.number, gpu.uuid, self._budget.of_card(gpu), held[gpu.uuid])
            for gpu in host.gpus
        )
        return self._budget.ram.of(host.ram_total_bytes), ram, cards

    def _may_fall_back(self, plan: LoadPlan, error: EngineOutOfMemory) -> bool:
        spec = self._engines[plan.engine]
        on_gpu = plan.device is not Device.CPU and error.code == GPU_OUT_OF_MEMORY
        return on_gpu and spec.falls_back_to_cpu

    def _load(self, entry: Entry, plan: LoadPlan) -> None:
        gpu = self._make_room(entry, plan)
        before = self._measure.host()
        worker = self._start(entry, plan, gpu)
        told = dataclasses.replace(plan, cpu_precision=self._options.cpu_precision)
        try:
            info = worker.load(
                told, self._options.load_timeout_seconds, lambda *step: _note(entry, *step)
            )
        except WorkerGone as gone:
            raise _ended(entry, worker, gone) from gone
        except YipyapError:
            worker.stop()
            raise
        self._measure_loaded(entry, worker, info, before)

    def _start(self, entry: Entry, plan: LoadPlan, gpu: Gpu | None) -> WorkerProcess:
        entry.phase, entry.gpu_uuid = LoadPhase.STARTING, gpu.uuid if gpu else ""
        spec = self._engines[plan.engine]
        environment = {**self._environment, **spec.environment}
        if gpu or plan.device is Device.CPU:
            environment[VISIBLE] = gpu.uuid if gpu else ""
        worker = WorkerProcess(self._package, environment, self._ledger.worker_gone)
        with self._ledger.changed:
            entry.worker = worker
            if entry.gave_way:
                self._ledger.taken(entry)
                worker.kill(GAVE_WAY)
        return worker

    def _measure_loaded(
        self, entry: Entry, worker: WorkerProcess, info: EngineInfo, before: HostMemory
    ) -> None:
        gpu = self._gpu_bytes(entry, worker, before) if info.device == "cuda" else 0
        ram = worker.resident_bytes()
        with self._ledger.changed:
            if entry.worker is not worker:
                reason = worker.exit_reason or "The worker ended after loading."
                raise _ended(entry, worker, WorkerGone(reason, started=False))
            entry.memory = Amount(ram, gpu)
            entry.peak = MemoryUse(ram, gpu)
            entry.info = _with_reason(info, entry.fallback)
            entry.error = ""

    def _gpu_bytes(self, entry: Entry, worker: WorkerProcess, before: HostMemory) -> int:
        """Ask the driver about the process, or compare the card's free memory."""
        if held := self._measure.gpu_bytes_of(worker.pid):
            return held
        free_before = _free(before, entry.gpu_uuid)
        return max(0, free_before - _free(self._measure.host(), entry.gpu_uuid))

    def _make_room(self, entry: Entry, plan: LoadPlan) -> Gpu | None:
        """Evict what has to go; waits for models in use. Raises `EngineOutOfMemory`."""
        deadline = time.monotonic() + self._options.room_timeout_seconds
        while True:
            host = self._measure.host()
            with self._ledger.changed:
                gpu = None if plan.device is Device.CPU else self._roomiest(entry, host)
                need = self._need(entry, plan, gpu)
                chosen, held, room = self._choice(entry, host, gpu, need)
                if chosen is None:
                    self._wait_for_room(entry, need, held, room, deadline)
                    continue
                if chosen and entry.is_background:
                    raise GivenUp("There is no room beside the loaded models.")
            for key in chosen:
                self._ledger.evict(key)
            if not chosen:
                return gpu

    def _roomiest(self, entry: Entry, host: HostMemory) -> Gpu | None:
        """The card on which most may be loaded without unloading anything."""
        return max(
            host.gpus,
            key=lambda gpu: self._budget.room_on(gpu, self._held(entry, gpu.uuid).gpu_bytes),
            default=None,
        )

    def _held(self, entry: Entry, uuid: str) -> Amount:
        """What the loaded models but this one hold in the host and on one card."""
        held = Amount()
        for resident in self._residents(entry, uuid):
            held = held.plus(resident.held)
        return held

    def _residents(self, entry: Entry, uuid: str) -> list[Resident]:
        loaded = [one for one in self._ledger.entries.values() if one.worker and one is not entry]
        return [one.resident(uuid) for one in loaded]

    def _choice(
        self, entry: Entry, host: HostMemory, gpu: Gpu | None, need: Amount
    ) -> tuple[tuple[str, ...] | None, Amount, Amount]:
        uuid = gpu.uuid if gpu else ""
        held = self._held(entry, uuid)
        room = self._budget.room(host, gpu, held)
        return to_evict(self._residents(entry, uuid), need, room), held, room

    def _wait_for_room(
        self, entry: Entry, need: Amount, held: Amount, room: Amount, deadline: float
    ) -> None:
        """Wait until a model in use may be free; called under the guard, which waiting frees."""
        if self._ledger.closing.is_set():
            raise EngineCancelled("The server is stopping.")
        left = deadline - time.monotonic()
        all_free = room.plus(held)
        if left <= 0 or not need.fits(all_free):
            on_gpu = need.gpu_bytes > (room.gpu_bytes if left <= 0 else all_free.gpu_bytes)
            raise _no_room(need, room, held, on_gpu=on_gpu)
        if entry.is_background:
            raise GivenUp("The models that are in use leave no room.")
        entry.phase = LoadPhase.QUEUED
        self._ledger.changed.wait(left)

    def _need(self, entry: Entry, plan: LoadPlan, gpu: Gpu | None) -> Amount:
        """What was measured the last time; else the files' size and the runtime's own memory."""
        on_gpu = gpu is not None
        if entry.memory.ram_bytes and on_gpu == bool(entry.memory.gpu_bytes):
            return entry.memory
        spec = self._engines[plan.engine]
        weights = int(plan.bytes_total * spec.memory_factor)
        if on_gpu:
            return Amount(spec.base_bytes, weights + spec.base_bytes // 2)
        return Amount(spec.base_bytes + weights)


def _note(entry: Entry, phase: LoadPhase, bytes_done: int) -> None:
    entry.phase, entry.bytes_done = phase, max(bytes_done, entry.bytes_done)


def _ended(entry: Entry, worker: WorkerProcess, gone: WorkerGone) -> YipyapError:
    if entry.gave_way:
        return GivenUp(GAVE_WAY)
    if worker.was_stopped:
        return EngineCancelled("The model was unloaded while it was loading.")
    return EngineCrashed(f"{gone.message} It was loading.")


def _with_reason(info: EngineInfo, fallback: str) -> EngineInfo:
    return dataclasses.replace(info, device_reason=fallback) if fallback else info


def _free(host: HostMemory, uuid: str) -> int:
    return next((gpu.free_bytes for gpu in host.gpus if gpu.uuid == uuid), 0)


def _no_room(need: Amount, room: Amount, held: Amount, *, on_gpu: bool) -> EngineOutOfMemory:
    if on_gpu:
        kind, wanted, free, used = "GPU", need.gpu_bytes, room.gpu_bytes, held.gpu_bytes
    else:
        kind, wanted, free, used = "host", need.ram_bytes, room.ram_bytes, held.ram_bytes
    message = (
        f"The model needs about {wanted / 1e9:.1f} GB of the {kind}'s memory: {free / 1e9:.1f} GB"
        f" may be used, and loaded models that cannot go hold {used / 1e9:.1f} GB."
    )
    code = GPU_OUT_OF_MEMORY if on_gpu else None
    return EngineOutOfMemory(message, code=code)
