"""Tells listeners of each change of a worker's state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from yipyap_core.domain.engines import EngineState
from yipyap_core.engines.pool import EnginePool

WATCH_SECONDS = 1.0
Publish = Callable[[str, str, Mapping[str, Any]], object]
"""Takes type, id and data of an event; must not raise."""


def publish_changes(pool: EnginePool, publish: Publish, closing: threading.Event) -> None:
    """Publish each change but from idle to busy, until `closing`; for a thread of its own."""
    seen: dict[str, EngineState] = {}
    generation = -1
    while not closing.is_set():
        moved = pool.ledger.wait(generation, WATCH_SECONDS)
        if moved == generation:
            continue
        generation = moved
        for worker in pool.ledger.statuses():
            busy = worker.state is EngineState.BUSY
            state = EngineState.READY if busy else worker.state
            if seen.get(worker.key) is not state:
                seen[worker.key] = state
                for model_id in worker.plan.model_ids:
                    publish("engine", model_id, {"state": state.value})
