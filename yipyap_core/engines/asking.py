"""What a request is to the pool, and how it waits for a load that others may have started."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from typing import Any

from yipyap_core.domain.engines import LoadPlan
from yipyap_core.engines.process import GLANCE_SECONDS
from yipyap_core.errors import EngineCancelled, EngineTimedOut


@dataclass(frozen=True, slots=True)
class Ask:
    """One picture for one model, with how long and by whom the answer is wanted."""

    plan: LoadPlan
    picture: bytes
    config: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    timeout_seconds: float = 300.0
    on_text: Callable[[str], None] | None = None
    cancelled: threading.Event | None = None
    is_background: bool = False
    """Nobody waits: a load that this needs takes no other model's place, and is given up when
    another model is wanted meanwhile; `GivenUp` says so."""


class GivenUp(EngineCancelled):
    """A load that nobody waits for found no room, or gave way to another one."""


def wait_for_load(
    load: Future[None], deadline: float, cancelled: threading.Event | None = None
) -> None:
    """Join a load; the load itself goes on when whoever waits gives up."""
    while not load.done():
        left = deadline - time.monotonic()
        if left <= 0:
            raise EngineTimedOut("The model was not loaded within the time of the request.")
        if cancelled and cancelled.is_set():
            raise EngineCancelled("The request was cancelled.")
        try:
            load.result(min(left, GLANCE_SECONDS) if cancelled else left)
        except (NotYet, CancelledError):
            continue
    if load.cancelled():
        raise EngineCancelled("The model was unloaded before it was loaded.")
    load.result()
