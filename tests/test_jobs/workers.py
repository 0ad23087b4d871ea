"""A worker that does what a test tells it, step by step."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from yipyap_core.jobs.work import JobContext

Step = Callable[[JobContext], None]


class PuppetWorker:
    """Each job waits for the steps that the test hands it; `end` lets it return."""

    def __init__(self) -> None:
        self._steps: dict[str, queue.SimpleQueue[Step | None]] = {}
        self._lock = threading.Lock()
        self.contexts: list[JobContext] = []

    def __call__(self, context: JobContext) -> None:
        steps = self.steps_of(context.job.subject)
        self.contexts.append(context)
        context.token.on_cancel(lambda: steps.put(_stop))
        while (step := steps.get()) is not None:
            step(context)
            if step is _stop:  # meant for another attempt on the same subject
                steps.put(step)

    def steps_of(self, subject: str) -> queue.SimpleQueue[Step | None]:
        with self._lock:
            return self._steps.setdefault(subject, queue.SimpleQueue())

    def tell(self, subject: str, step: Step) -> None:
        """Let the job do one step, and wait until it is done."""
        done = threading.Event()

        def run(context: JobContext) -> None:
            try:
                step(context)
            finally:
                done.set()

        self.steps_of(subject).put(run)
        assert done.wait(10)

    def end(self, subject: str) -> None:
        self.steps_of(subject).put(None)

    def fail(self, subject: str, error: Exception) -> None:
        def step(context: JobContext) -> None:  # noqa: ARG001
            raise error

        self.steps_of(subject).put(step)


def _stop(context: JobContext) -> None:
    context.token.raise_if_cancelled()
