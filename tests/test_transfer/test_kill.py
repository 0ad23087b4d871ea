"""kill -9 at any moment: the next run goes on from there, loses little, and leaves no orphan.

YIPYAP_KILLS=100 makes it a long test; half of the kills come at a seeded number of bytes, half
before a seeded step on the file system, from the first folder to the note of the revision.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.standins.hub import Hub, Pattern, Slow, Source
from tests.test_transfer.runner import finish, start
from tests.test_transfer.support import REPO, Control, assert_cache_is_right, plan_of, transfer_of
from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.transfer.options import MIB

KILLS = int(os.environ.get("YIPYAP_KILLS", "20"))
MOST_LOST_BYTES = 4 * MIB
FILES: dict[str, Source] = {
    "model.safetensors": Pattern(20 * MIB),
    "second.safetensors": Pattern(5 * MIB, 1),
    "copy.safetensors": Pattern(5 * MIB, 1),
    "config.json": b"{}",
    "sub/vocab.txt": b"word\n" * 20_000,
    "merges.txt": Pattern(700_000, 2),
}
FILES_AT_A_TIME = 3


def random_of(seed: int) -> random.Random:
    return random.Random(f"kill {seed}")


@pytest.mark.parametrize("seed", range(KILLS // 2))
def test_killed_at_a_number_of_bytes(hub: Hub, cache_dir: Path, seed: int) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.configure(server_bps=60_000_000)
    slow = hub.inject(Slow(2_000_000), path="merges.txt")
    moment = random_of(seed).randrange(plan.total_bytes)
    reported = 0
    with started(hub, cache_dir, plan) as process:
        for event in events_of(process):
            reported = event.get("fetched", reported)
            if reported >= moment:
                break
        process.kill()
        for event in events_of(process):
            reported = event.get("fetched", reported)
    hub.configure(server_bps=None)
    slow.remove()

    assert_goes_on(hub, cache_dir, plan, reported)


@pytest.mark.parametrize("seed", range(KILLS - KILLS // 2))
def test_killed_before_a_step_on_the_file_system(hub: Hub, cache_dir: Path, seed: int) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    step = 1 + random_of(seed).randrange(60)
    with started(hub, cache_dir, plan, kill_at=step) as process:
        events = finish(process)
    reported = max((event.get("fetched", 0) for event in events), default=0)
    assert process.returncode == -9 or events[-1]["end"] == "done"

    assert_goes_on(hub, cache_dir, plan, reported)


@contextlib.contextmanager
def started(
    hub: Hub, cache_dir: Path, plan: DownloadPlan, **more: Any
) -> Iterator[subprocess.Popen[str]]:
    process = start(hub.endpoint, cache_dir, plan, **more)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def events_of(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.endswith("}\n"):
            yield json.loads(line)


def assert_goes_on(hub: Hub, cache_dir: Path, plan: DownloadPlan, reported: int) -> None:
    control = Control()

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert control.kept >= reported - FILES_AT_A_TIME * MOST_LOST_BYTES
    assert control.fetched + control.kept == plan.total_bytes
    assert control.restarts == []
    assert_cache_is_right(cache_dir, plan)
    folder = cache_dir / plan.repo.folder_name
    assert names(folder / "blobs") == {file.etag for file in plan.files}
    assert names(folder / "trees") == {f"{plan.commit}.json"}
    assert names(folder / "refs") == {"main"}
    assert names(folder) == {"blobs", "snapshots", "trees", "refs"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
