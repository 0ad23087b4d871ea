"""The child process: loads one model, answers requests about pictures, ends with its parent.

Started as `python -m yipyap_core.engines.worker FD`. One thread reads frames, a few decode and
prepare pictures ahead of the model, the main thread alone runs the model.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import traceback
from typing import Any

from yipyap_core.domain.engines import LoadPhase, LoadPlan
from yipyap_core.engines.answering import Desk
from yipyap_core.engines.base import EngineSpec, LoadedEngine, find_engines
from yipyap_core.engines.failures import failure
from yipyap_core.engines.measuring import inference, measured
from yipyap_core.engines.reading import read_ahead
from yipyap_core.engines.wire import Frame, Wire, WireError

NICENESS = 10
ORDER = tuple(LoadPhase)
FIRST_TO_GO = "1000"
"""Of all processes the kernel ends this one first when memory runs out, not the dashboard."""


class Report:
    """Tells the parent how loading goes; from several threads, and never backwards."""

    def __init__(self, wire: Wire) -> None:
        """Send through `wire`."""
        self._wire = wire
        self._guard = threading.Lock()
        self._at = 0

    def phase(self, phase: LoadPhase, bytes_done: int = 0) -> None:
        """Send it at once, unless a later phase has begun."""
        with self._guard:
            if ORDER.index(phase) < self._at:
                return
            self._at = ORDER.index(phase)
            self._wire.send({"kind": "progress", "phase": phase.value, "bytes_done": bytes_done})


class Worker:
    """Reads frames until the parent closes; everything heavy happens in `serve`'s thread."""

    def __init__(self, wire: Wire, engines: dict[str, EngineSpec]) -> None:
        """Know the engines by name; nothing is loaded yet."""
        self._wire = wire
        self._engines = engines
        self._desk = Desk(wire)

    def serve(self) -> None:
        """Answer until told to stop."""
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        self._wire.send({"kind": "hello", "pid": os.getpid()})
        while (frame := self._desk.next_order()) is not None:
            self._obey(frame)

    def _read(self) -> None:
        """Sort frames; the parent's end means ours, whatever the model is doing."""
        try:
            while (frame := self._wire.receive()) is not None:
                self._desk.take(frame)
        except WireError:
            traceback.print_exc()
        os._exit(0)

    def _obey(self, frame: Frame) -> None:
        if frame.kind == "load":
            self._load(LoadPlan.from_json(frame.header["plan"]))
        elif frame.kind == "unload":
            self._desk.close()
            self._wire.send({"kind": "unloaded"})
        else:
            self._desk.work(frame)

    def _load(self, plan: LoadPlan) -> None:
        try:
            engine = self._loaded(plan)
        except Exception as error:  # noqa: BLE001 - the boundary of loading: told to the parent
            traceback.print_exc()
            self._wire.send({"kind": "load_failed", **failure(error)})
            return
        self._desk.open(engine)
        self._wire.send({"kind": "loaded", "info": _as_json(engine), **measured()})

    def _loaded(self, plan: LoadPlan) -> LoadedEngine:
        report = Report(self._wire)
        report.phase(LoadPhase.READING)
        read_ahead(plan, report)
        engine = self._engines[plan.engine].load(plan, report)
        report.phase(LoadPhase.WARMING, plan.bytes_total)
        with inference():
            engine.warm()
        return engine


def _as_json(engine: LoadedEngine) -> dict[str, Any]:
    info = engine.info
    return {
        "device": info.device,
        "device_reason": info.device_reason,
        "precision": info.precision,
        "provider": info.provider,
        "max_batch": info.max_batch,
        "details": dict(info.details),
    }


def main() -> None:
    """Become a worker on the socket whose number is the argument."""
    _stand_back()
    sys.stdout = sys.stderr  # a library that prints must not reach the parent's terminal
    connection = socket.socket(fileno=int(sys.argv[1]))
    Worker(Wire(connection), find_engines(*sys.argv[2:3])).serve()


def _stand_back() -> None:
    """Let the dashboard go first, in time and in memory."""
    os.nice(NICENESS)
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(FIRST_TO_GO)
    except OSError:
        pass  # not Linux, or not allowed: only the order of the end is lost


if __name__ == "__main__":
    main()
