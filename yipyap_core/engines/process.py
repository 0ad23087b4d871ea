"""The dashboard's side of the talk with one worker: questions, answers, time-outs, its end."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from yipyap_core.domain.engines import Answer, EngineInfo, LoadPhase, LoadPlan
from yipyap_core.engines.child import Child
from yipyap_core.engines.failures import rebuilt
from yipyap_core.engines.wire import Frame, WireError
from yipyap_core.errors import EngineCancelled, EngineCrashed, EngineTimedOut

LOAD = 0
"""Number of the question that loads; requests count from one."""
GLANCE_SECONDS = 0.1
"""How often a waiting request looks whether it is still wanted."""


class WorkerGone(EngineCrashed):
    """The worker ended; `started` says whether it had begun with this request."""

    def __init__(self, message: str, *, started: bool) -> None:
        """Keep whether the request may have been the reason."""
        super().__init__(message)
        self.started = started


@dataclass(frozen=True, slots=True)
class RunResult:
    """One answer, with the seconds inside the worker and inside the model."""

    answer: Answer
    seconds: float
    run_seconds: float


@dataclass
class _Question:
    """Something asked that waits for its answer."""

    number: int
    deadline: float
    inbox: queue.SimpleQueue[Frame | None] = field(default_factory=queue.SimpleQueue)
    """Its frames; None when the worker is gone."""
    started: bool = False


class WorkerProcess:
    """One child with one model. Every method may be called from any thread."""

    def __init__(
        self,
        package: str,
        environment: Mapping[str, str],
        on_exit: Callable[[WorkerProcess], None],
    ) -> None:
        """Start the child; `on_exit` is called once, from the reading thread, when it is gone."""
        self._child = Child(package, environment)
        self._on_exit = on_exit
        self._numbers = itertools.count(LOAD + 1)
        self._questions: dict[int, _Question] = {}
        self._guard = threading.Lock()
        self.exit_reason = ""
        self.was_stopped = False
        threading.Thread(target=self._read, name="worker's answers", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._child.pid

    @property
    def last_words(self) -> str:
        """The last lines that the child wrote."""
        return self._child.last_words

    def resident_bytes(self) -> int:
        """Memory of the child, measured from outside."""
        return self._child.resident_bytes()

    def load(
        self,
        plan: LoadPlan,
        timeout_seconds: float,
        on_progress: Callable[[LoadPhase, int], None],
    ) -> EngineInfo:
        """Load a model; raises what the engine raised, `WorkerGone` or `EngineTimedOut`."""
        question = self._ask(LOAD, timeout_seconds, {"kind": "load", "plan": plan.as_json()})
        while True:
            frame = self._next(question)
            if frame.kind == "progress":
                on_progress(LoadPhase(frame.header["phase"]), frame.header["bytes_done"])
            elif frame.kind == "loaded":
                return EngineInfo(**frame.header["info"])
            elif frame.kind == "load_failed":
                raise rebuilt(frame.header)

    def run(
        self,
        picture: bytes,
        *,
        config: Mapping[str, Any],
        params: Mapping[str, Any],
        timeout_seconds: float,
        on_text: Callable[[str], None] | None = None,
        cancelled: threading.Event | None = None,
    ) -> RunResult:
        """Ask about one picture; raises what the engine raised, `WorkerGone` or a time-out."""
        order = {"kind": "run", "config": dict(config), "params": dict(params)}
        question = self._ask(next(self._numbers), timeout_seconds, order, picture)
        while True:
            frame = self._next(question, cancelled)
            if frame.kind == "text" and on_text:
                on_text(frame.header["text"])
            elif frame.kind == "result":
                return _result(frame.header)
            elif frame.kind == "error":
                raise rebuilt(frame.header)

    def stats(self, timeout_seconds: float = 2.0) -> Mapping[str, int]:
        """What the worker measured of itself; empty when it has no answer in time."""
        try:
            question = self._ask(next(self._numbers), timeout_seconds, {"kind": "stats"})
            frame = question.inbox.get(timeout=timeout_seconds)
        except (queue.Empty, WorkerGone):
            return {}
        return frame.header if frame else {}

    def stop(self) -> None:
        """End the child on purpose and wait until its memory is free."""
        self.was_stopped = True
        self._child.stop()

    def kill(self, blame: str) -> None:
        """End a child that does not answer."""
        self._child.kill(blame)

    def _ask(
        self, number: int, timeout_seconds: float, header: dict[str, Any], *blobs: bytes
    ) -> _Question:
        question = _Question(number, time.monotonic() + timeout_seconds)
        with self._guard:
            if self.exit_reason:
                raise WorkerGone(self.exit_reason, started=False)
            self._questions[number] = question
        try:
            self._child.wire.send({**header, "id": number}, blobs)
        except OSError:
            self.kill("It took no orders any more and was ended.")
        return question

    def _next(self, question: _Question, cancelled: threading.Event | None = None) -> Frame:
        """Wait for a frame of one question, its deadline, or the worker's end."""
        while True:
            left = question.deadline - time.monotonic()
            if left <= 0:
                self._out_of_time(question)
            if cancelled and cancelled.is_set():
                self._leave(question)
                raise EngineCancelled("The request was cancelled.")
            try:
                frame = question.inbox.get(timeout=min(left, GLANCE_SECONDS) if cancelled else left)
            except queue.Empty:
                continue
            if frame is None:
                raise WorkerGone(self.exit_reason, started=question.started)
            return frame

    def _out_of_time(self, question: _Question) -> None:
        """End the worker, unless it is busy with another question that still has time."""
        if self._is_stuck(question):
            self.kill("It did not answer in time and was ended.")
        else:
            self._leave(question)
        raise EngineTimedOut("The model did not answer within the time of the request.")

    def _leave(self, question: _Question) -> None:
        """Want the answer no more; what runs stays known until the worker is done with it."""
        with self._guard:
            if not question.started:
                self._questions.pop(question.number, None)
        with suppress(OSError):  # the worker is gone, and the question with it
            self._child.wire.send({"kind": "cancel", "id": question.number})

    def _is_stuck(self, question: _Question) -> bool:
        if question.started or question.number == LOAD:
            return True
        now = time.monotonic()
        with self._guard:
            return not any(
                other.started and other.deadline > now for other in self._questions.values()
            )

    def _read(self) -> None:
        """Hand frames to whoever waits; at the end tell everyone why."""
        try:
            while (frame := self._child.wire.receive()) is not None:
                self._deliver(frame)
        except (WireError, KeyError) as error:
            self.kill(f"It sent something that is no answer: {error}.")
        self._bury()

    def _deliver(self, frame: Frame) -> None:
        number = frame.header.get("id", LOAD)
        with self._guard:
            if frame.kind == "started":
                for started in frame.header["ids"]:
                    if one := self._questions.get(started):
                        one.started = True
                return
            question = self._questions.get(number)
            if frame.kind in {"result", "error", "stats", "loaded", "load_failed"}:
                self._questions.pop(number, None)
        if question:
            question.inbox.put(frame)

    def _bury(self) -> None:
        reason = self._child.exit_reason()
        with self._guard:
            self.exit_reason = reason
            waiting = list(self._questions.values())
            self._questions.clear()
        self._on_exit(self)  # first: whoever wakes finds the end in the books
        for question in waiting:
            question.inbox.put(None)


def _result(header: Mapping[str, Any]) -> RunResult:
    return RunResult(
        Answer.from_json(header["answer"]), float(header["seconds"]), float(header["run_seconds"])
    )
