"""Work that outlives a run of the script: a thread does it, the page looks at what came of it.

A task ends by itself when nobody looks any more; a second order for the same work is ignored while
the first one runs. No thread draws anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import streamlit as st

from yipyap_core.errors import EngineUnavailable, YipyapError
from yipyap_core.ui import boundary

T = TypeVar("T")

_TASKS: Final = "yipyap.tasks"


@dataclass(frozen=True, slots=True)
class Task(Generic[T]):
    """Something under way, or its result."""

    future: Future[T]
    cancelled: threading.Event
    began: float = field(default_factory=time.monotonic)

    @property
    def is_running(self) -> bool:
        """Whether there is no result yet."""
        return not self.future.done()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began

    @property
    def error(self) -> YipyapError | None:
        """Why it failed; None while it runs and when it went well."""
        found = self.future.exception() if self.future.done() else None
        return found if isinstance(found, YipyapError) else None

    @property
    def result(self) -> T | None:
        """What came of it; None while it runs and when it failed."""
        done = self.future.done() and self.future.exception() is None
        return self.future.result() if done else None


def begin(work: Callable[[], T], cancelled: threading.Event | None = None) -> Task[T]:
    """Do it in a thread of its own; whatever it raises becomes one of our errors."""
    task: Task[T] = Task(Future(), cancelled or threading.Event())
    threading.Thread(target=_do, args=(task.future, work), name="try", daemon=True).start()
    return task


def start(key: str, work: Callable[[], object]) -> bool:
    """Begin the work of this key for this tab, unless it runs already."""
    tasks = _tasks()
    if key in tasks and tasks[key].is_running:
        return False
    tasks[key] = begin(work)
    return True


def is_running(key: str) -> bool:
    """Whether this tab has begun the work of this key and it is not done."""
    task = _tasks().get(key)
    return task is not None and task.is_running


def error_of(key: str) -> YipyapError | None:
    """Why the last work of this key failed, until it is begun again."""
    task = _tasks().get(key)
    return task.error if task else None


def running() -> frozenset[str]:
    """The keys of everything this tab waits for."""
    return frozenset(key for key, task in _tasks().items() if task.is_running)


def _tasks() -> dict[str, Task[Any]]:
    tasks: dict[str, Task[Any]] = st.session_state.setdefault(_TASKS, {})
    return tasks


def _do(future: Future[T], work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except YipyapError as error:
        future.set_exception(error)
    except Exception:  # noqa: BLE001  # a page boundary: logged with its traceback and an id
        words = boundary.note_unexpected("try").replace("*", "")
        future.set_exception(EngineUnavailable(words))
