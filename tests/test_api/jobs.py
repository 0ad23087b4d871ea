"""Background jobs in a world: let them run, wait for what they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.standins.waiting import wait_until
from tests.test_api.world import World


@contextmanager
def working(world: World) -> Iterator[None]:
    """Let background jobs run."""
    world.application.runner.start()
    try:
        yield
    finally:
        world.application.runner.stop()


def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    wait_until(condition, timeout_seconds=30, last=list)
