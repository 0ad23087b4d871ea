"""The worker's desk: requests are sorted, prepared ahead, put into batches and answered."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from yipyap_core.domain.engines import Answer
from yipyap_core.engines.base import Job, LoadedEngine, Prepared
from yipyap_core.engines.failures import failure, is_gpu_out_of_memory
from yipyap_core.engines.images import read_image
from yipyap_core.engines.measuring import inference, measured
from yipyap_core.engines.wire import Frame, Wire
from yipyap_core.errors import EngineCancelled, EngineUnavailable

PREPARING_THREADS = 2


@dataclass
class Request:
    """One request inside the worker, from its frame to its answer."""

    id: int
    job: Job
    cancel: threading.Event
    prepared: Future[Prepared]
    arrived: float = field(default_factory=time.perf_counter)


class Desk:
    """Takes frames from the reading thread and hands work to the main thread."""

    def __init__(self, wire: Wire) -> None:
        """Open for orders; requests wait until `open`."""
        self._wire = wire
        self._orders: queue.SimpleQueue[Frame | Request | None] = queue.SimpleQueue()
        self._held: Frame | Request | None = None
        self._cancels: dict[int, threading.Event] = {}
        self._engine: LoadedEngine | None = None
        self._threads = ThreadPoolExecutor(PREPARING_THREADS, thread_name_prefix="prepare")

    def open(self, engine: LoadedEngine) -> None:
        """Answer with this model from now on."""
        self._engine = engine

    def close(self) -> None:
        """Forget the model."""
        self._engine = None

    def take(self, frame: Frame) -> None:
        """Sort one frame; runs in the reading thread, so nothing here waits."""
        if frame.kind == "cancel":
            if cancel := self._cancels.get(frame.header["id"]):
                cancel.set()
        elif frame.kind == "stats":
            self._wire.send({"kind": "stats", "id": frame.header["id"], **measured()})
        elif frame.kind == "run":
            self._orders.put(self._request(frame))
        else:
            self._orders.put(frame)

    def next_order(self) -> Frame | None:
        """Answer requests until something else is ordered, and return that."""
        while True:
            order = self._next()
            if not isinstance(order, Request):
                return order
            self._answer(self._batch(order))

    def work(self, frame: Frame) -> None:
        """Refuse what nobody knows."""
        error = EngineUnavailable(f"The worker knows no order {frame.kind!r}.")
        self._wire.send({"kind": "error", "id": frame.header.get("id", 0), **failure(error)})

    def _next(self) -> Frame | Request | None:
        order, self._held = self._held, None
        return self._orders.get() if order is None else order

    def _request(self, frame: Frame) -> Request:
        number, cancel = int(frame.header["id"]), threading.Event()
        self._cancels[number] = cancel

        def emit(text: str) -> None:
            self._wire.send({"kind": "text", "id": number, "text": text})

        engine, data = self._engine, frame.blobs[0]
        config, params = frame.header["config"], frame.header["params"]
        job = Job(config, params, emit, cancel.is_set)
        prepared = self._threads.submit(_prepare, engine, job, data)
        return Request(number, job, cancel, prepared)

    def _batch(self, first: Request) -> list[Request]:
        """Join what waits already and may share a batch, up to the model's limit."""
        batch, engine = [first], self._engine
        limit = engine.info.max_batch if engine else 1
        if engine is None or limit == 1:
            return batch
        while len(batch) < limit and not self._orders.empty():
            order = self._orders.get()
            if not isinstance(order, Request) or _key(engine, order) != _key(engine, first):
                self._held = order
                break
            batch.append(order)
        return batch

    def _answer(self, batch: list[Request]) -> None:
        self._wire.send({"kind": "started", "ids": [request.id for request in batch]})
        ready = [request for request in batch if self._is_ready(request)]
        if ready:
            self._run(ready)
        for request in batch:
            self._cancels.pop(request.id, None)

    def _is_ready(self, request: Request) -> bool:
        """Wait for the picture; a bad one ends its own request only."""
        try:
            if request.cancel.is_set():
                raise EngineCancelled("The request was cancelled.")
            request.prepared.result()
        except Exception as error:  # noqa: BLE001 - the boundary of a request: told to the parent
            self._fail([request], error)
            return False
        return True

    def _run(self, batch: list[Request]) -> None:
        engine = self._engine
        assert engine is not None
        started = time.perf_counter()
        try:
            with inference():
                answers = engine.run([request.prepared.result() for request in batch])
        except Exception as error:  # noqa: BLE001 - the boundary of a request: told to the parent
            self._run_failed(batch, error)
            return
        seconds = (time.perf_counter() - started) / len(batch)
        for request, answer in zip(batch, answers, strict=True):
            self._wire.send(_result(request, answer, seconds, engine))

    def _run_failed(self, batch: list[Request], error: Exception) -> None:
        """Half a batch may fit where the whole did not."""
        if is_gpu_out_of_memory(error) and len(batch) > 1:
            middle = len(batch) // 2
            self._run(batch[:middle])
            self._run(batch[middle:])
        else:
            traceback.print_exc()
            self._fail(batch, error)

    def _fail(self, batch: list[Request], error: Exception) -> None:
        for request in batch:
            self._wire.send({"kind": "error", "id": request.id, **failure(error)})


def _prepare(engine: LoadedEngine | None, job: Job, data: bytes) -> Prepared:
    if engine is None:
        raise EngineUnavailable("No model is loaded in this worker.")
    picture = read_image(data)
    return Prepared(job, engine.prepare(picture, job), picture.size)


def _key(engine: LoadedEngine, request: Request) -> Hashable:
    return engine.batch_key(request.job)


def _result(
    request: Request, answer: Answer, run_seconds: float, engine: LoadedEngine
) -> dict[str, Any]:
    return {
        "kind": "result",
        "id": request.id,
        "answer": answer.as_json(),
        "run_seconds": run_seconds,
        "seconds": time.perf_counter() - request.arrived,
        "device": engine.info.device,
    }
