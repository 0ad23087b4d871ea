"""Pools of puppets for tests, and a small picture."""

from __future__ import annotations

import datetime as dt
import io
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from yipyap_core.domain.engines import LoadPlan, Outcome
from yipyap_core.engines.asking import Ask
from yipyap_core.engines.base import find_engines
from yipyap_core.engines.loading import PoolOptions
from yipyap_core.engines.memory import Budget, Gpu, HostMemory
from yipyap_core.engines.pool import EnginePool

PUPPETS = "tests.test_engines.fakes"
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def png(width: int = 4, height: int = 3, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (width, height), 128).save(buffer, "PNG")
    return buffer.getvalue()


PICTURE = png()


@dataclass
class Host:
    """A host with as much memory as a test says."""

    memory: HostMemory = field(default_factory=lambda: HostMemory(1 << 40, 1 << 40))
    gpu_bytes: dict[int, int] = field(default_factory=dict)

    def host(self) -> HostMemory:
        return self.memory

    def gpu_bytes_of(self, pid: int) -> int:
        return self.gpu_bytes.get(pid, 0)

    def with_gpu(self) -> Host:
        self.memory = HostMemory(1 << 40, 1 << 40, (Gpu("GPU-0", 1 << 36, 1 << 36),))
        return self


def puppet(**options: Any) -> LoadPlan:
    device = options.pop("device", "auto")
    values = {"engine": "puppet", "model_ids": ["puppet"], "files": {}, "bytes_total": 0}
    return LoadPlan.from_json({**values, "options": options, "device": device})


@contextmanager
def pool_of(
    *, host: Host | None = None, budget: Budget | None = None, **options: Any
) -> Iterator[EnginePool]:
    pool = EnginePool(
        engines=find_engines(PUPPETS),
        package=PUPPETS,
        environment=dict(os.environ),
        measure=host or Host(),
        budget=budget,
        options=PoolOptions(**options),
        clock=lambda: NOON,
    )
    try:
        yield pool
    finally:
        pool.close()


def ask(
    pool: EnginePool,
    plan: LoadPlan | None = None,
    *,
    timeout_seconds: float = 30.0,
    picture: bytes = PICTURE,
    config: Mapping[str, Any] | None = None,
    **params: Any,
) -> Outcome:
    request = Ask(plan or puppet(), picture, config or {}, params, timeout_seconds)
    return pool.run(request)


def in_background(call: Any, *arguments: Any, **named: Any) -> Future[Any]:
    """Run something beside the test; the future carries its error."""
    future: Future[Any] = Future()

    def work() -> None:
        try:
            future.set_result(call(*arguments, **named))
        except Exception as error:  # noqa: BLE001 - handed to the test
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future
