"""An engine that does what a request tells it: it answers, hangs, dies, or runs out of memory."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from yipyap_core.domain.engines import (
    Answer,
    AnswerKind,
    Device,
    EngineInfo,
    LoadPhase,
    LoadPlan,
)
from yipyap_core.engines.base import EngineSpec, Job, LoadReport, Prepared, Source
from yipyap_core.errors import CheckpointRejected
from yipyap_core.families.base import FamilyConfig

if TYPE_CHECKING:
    from PIL.Image import Image


class OutOfMemoryError(RuntimeError):
    """Called like torch's."""


def hang() -> NoReturn:
    while True:
        threading.Event().wait(3600)


def killed() -> NoReturn:
    sys.stderr.write("these were my last words\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)
    hang()


def stopped() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def no_memory() -> NoReturn:
    raise MemoryError


def no_gpu_memory() -> NoReturn:
    raise OutOfMemoryError("CUDA out of memory")


def broken() -> NoReturn:
    raise ValueError("a bug of the engine")


TRICKS: dict[str, Callable[[], None]] = {
    "hang": hang,
    "kill": killed,
    "stop": stopped,
    "memory": no_memory,
    "bug": broken,
}


@dataclass
class Puppet:
    """The loaded engine."""

    info: EngineInfo

    def prepare(self, picture: Image, job: Job) -> tuple[int, int]:
        assert job is not None
        return picture.size

    def batch_key(self, job: Job) -> Hashable:
        return str(job.params.get("key", ""))

    def run(self, batch: Sequence[Prepared]) -> list[Answer]:
        return [self._one(one, len(batch)) for one in batch]

    def _one(self, one: Prepared, together: int) -> Answer:
        trick = one.job.params.get("trick", "")
        if trick == "gpu_memory" and self.info.device == "cuda":
            no_gpu_memory()
        if trick in TRICKS:
            TRICKS[trick]()
        if trick == "until_cancelled":
            while not one.job.cancelled():
                threading.Event().wait(0.01)
        if gate := one.job.params.get("gate"):
            Path(gate).read_bytes()  # a fifo: blocks until the test opens it
        for word in one.job.params.get("words", []):
            one.job.emit(word)
        details = {"pid": os.getpid(), "together": together, "config": dict(one.job.config)}
        return Answer(caption=f"{one.size[0]}x{one.size[1]}", details=details)

    def warm(self) -> None:
        pass


def plan(sources: Sequence[Source], config: FamilyConfig) -> LoadPlan:
    return LoadPlan("puppet", tuple(one.model_id for one in sources), {}, config.model_dump())


def load(plan: LoadPlan, report: LoadReport) -> Puppet:
    if gate := plan.options.get("gate"):
        Path(gate).read_bytes()
    if counter := plan.options.get("counter"):
        with Path(counter).open("a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
    ballast = bytes(plan.options.get("ballast_bytes", 0))
    trick = plan.options.get("load", "")
    if trick == "rejected":
        raise CheckpointRejected("This is no puppet.")
    if trick == "gpu_memory" and plan.device is not Device.CPU:
        no_gpu_memory()
    if trick in TRICKS:
        TRICKS[trick]()
    report.phase(LoadPhase.BUILDING, plan.bytes_total)
    device = "cuda" if plan.device is Device.CUDA else "cpu"
    info = EngineInfo(device, max_batch=plan.options.get("max_batch", 1))
    puppet = Puppet(info)
    puppet.ballast = ballast  # type: ignore[attr-defined]  # kept alive, that is all
    return puppet


ENGINE = EngineSpec("puppet", AnswerKind.CAPTION, plan, load, base_bytes=0)
