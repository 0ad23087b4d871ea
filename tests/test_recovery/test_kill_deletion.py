"""A server that dies in the middle of a deletion leaves a cache that the hub's client accepts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from huggingface_hub import scan_cache_dir

from tests.test_clients.caches import RepoMaker, content_bytes
from tests.test_recovery.server import Server

REPOSITORIES = 150
CONTENT = 1_000
ROUNDS = 8
"""How often a kill may come too early or too late before the test gives up."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "hf" / "hub").mkdir(parents=True)
    with Server(tmp_path, "http://127.0.0.1:9") as running:
        yield running


def fill(cache_dir: Path, round_number: int) -> int:
    """Repositories with a detached revision each; returns the bytes of these."""
    for number in range(REPOSITORIES):
        repo = RepoMaker(cache_dir, f"org/r{round_number}-{number}")
        repo.commit({"a.bin": b"%04d" % number + b"a" * (CONTENT - 4)})
        repo.commit({"b.bin": b"%04d" % number + b"b" * (CONTENT - 4)}, refs=())
    return REPOSITORIES * CONTENT


def detached(cache_dir: Path) -> int:
    return sum(len(list(one.iterdir())) - 1 for one in cache_dir.glob("models--*/snapshots"))


def kill_midway(server: Server, plan_id: str) -> None:
    """Execute the plan, and end the server once something of it is done."""
    begun = detached(server.cache)
    caller = threading.Thread(target=_execute, args=(server, plan_id))
    caller.start()
    while caller.is_alive() and detached(server.cache) == begun:
        pass
    server.kill()
    caller.join()


def _execute(server: Server, plan_id: str) -> None:
    with contextlib.suppress(requests.ConnectionError):
        server.call("POST", f"/hf-cache/plans/{plan_id}/execute", {})


def test_after_kill_9_the_cache_is_sound_and_the_plan_ends_what_it_began(server: Server) -> None:
    for number in range(ROUNDS):
        going = fill(server.cache, number)
        before = content_bytes(server.cache)
        plan = server.call("POST", "/hf-cache/prune", {"dry_run": True})
        assert plan["freed_bytes"] == going

        kill_midway(server, plan["plan_id"])
        left = detached(server.cache)

        assert not scan_cache_dir(server.cache).warnings
        server.start()
        assert not scan_cache_dir(server.cache).warnings
        done = server.call("POST", f"/hf-cache/plans/{plan['plan_id']}/execute", {})
        assert done["freed_bytes"] == going
        assert detached(server.cache) == 0
        assert not scan_cache_dir(server.cache).warnings
        assert content_bytes(server.cache) == before - going

        [entry] = server.call("GET", "/hf-cache/trash")["entries"]
        server.call("POST", f"/hf-cache/trash/{entry['id']}/restore")
        assert content_bytes(server.cache) == before
        assert detached(server.cache) == REPOSITORIES
        assert not scan_cache_dir(server.cache).warnings
        if 0 < left < REPOSITORIES:
            return
        server.call("POST", "/hf-cache/clear", {"confirm": True, "purge": True})
    pytest.fail("no kill struck in the middle")
