"""A hub far away: round trips of 30 ms and 20 MB/s a connection, by the stand-in of the tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bench.transfer_hub import Entry
from bench.transfer_tools import Task

ROUND_TRIP_SECONDS = 0.030
CONNECTION_BPS = 20_000_000
REPO = "bench/model"


@contextlib.contextmanager
def shaped_task(count: int, size_bytes: int) -> Iterator[Task]:
    """Run the hub in a process of its own while the block runs."""
    from tests.standins.hub import Pattern, RemoteHub

    with RemoteHub.launch() as hub:
        files = {f"part-{number:05}.bin": Pattern(size_bytes, number) for number in range(count)}
        hub.add_repo(REPO, files)
        hub.configure(latency_seconds=ROUND_TRIP_SECONDS, connection_bps=CONNECTION_BPS)
        entries = [Entry(path, size_bytes, "", True) for path in files]
        yield Task(hub.endpoint, REPO, entries)
