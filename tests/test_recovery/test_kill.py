"""A server that dies in the middle of a download, by kill -9 or in peace, goes on where it was."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from tests.standins.hub import Pattern, RemoteHub, Source
from tests.test_recovery.server import Server

MB = 1_000_000
SIZE = 200 * MB
LOST = 4 * MB
"""What a kill may cost a file."""
SMALL = 7
"""Bytes of the other files, which the status counts too."""


@pytest.fixture
def server(tmp_path: Path, remote_hub: RemoteHub) -> Iterator[Server]:
    with Server(tmp_path, remote_hub.endpoint) as running:
        yield running


def big_repo(hub: RemoteHub, server: Server) -> str:
    files: dict[str, Source] = {
        "model.safetensors": Pattern(SIZE),
        "config.json": b"{}",
        "sub/notes.txt": b"notes",
    }
    commit = hub.add_repo("org/big", files)
    server.register("big", "org/big")
    return commit


def sent_bytes(hub: RemoteHub) -> int:
    return sum(one.bytes_sent for one in hub.find("model.safetensors", port="cdn"))


def accepted_by_the_real_client(server: Server, hub: RemoteHub) -> None:
    """`hf cache verify` finds nothing wrong, and the snapshot is whole without the network."""
    hf = [sys.executable, "-m", "huggingface_hub.cli.hf", "cache", "verify", "org/big"]
    environment = {**os.environ, "HF_ENDPOINT": hub.endpoint}
    result = subprocess.run(
        [*hf, "--cache-dir", str(server.cache)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    folder = snapshot_download("org/big", cache_dir=server.cache, local_files_only=True)
    assert Path(folder, "sub/notes.txt").read_bytes() == b"notes"
    blob = Path(folder, "model.safetensors").resolve()
    with blob.open("rb") as content:
        assert hashlib.file_digest(content, "sha256").hexdigest() == blob.name
    leftovers = [path.name for path in blob.parent.iterdir() if "." in path.name]
    assert leftovers == []


def test_after_kill_9_the_download_goes_on_by_itself(server: Server, remote_hub: RemoteHub) -> None:
    commit = big_repo(remote_hub, server)
    remote_hub.configure(server_bps=40 * MB)
    server.download("big")
    shown = server.wait("big", lambda one: one["bytes_done"] > 80 * MB)
    server.kill()
    arrived = shown["bytes_done"]
    remote_hub.forget_requests()
    remote_hub.configure(server_bps=None)

    server.start()
    done = server.completed("big")  # nobody asked for it
    assert (done["verified"], done["resolved_commit"], done["progress"]) == (True, commit, 100.0)
    asked = remote_hub.find("model.safetensors", port="cdn")
    assert all(one.range_start is not None for one in asked)
    assert sent_bytes(remote_hub) <= SIZE + SMALL - 0.9 * arrived
    timeline = server.call("GET", "/model-download/big/timeline")["events"]
    kinds = [one["kind"] for one in timeline]
    assert kinds.count("resumed_after_restart") == 1
    assert kinds.index("resumed_after_restart") < kinds.index("done")
    accepted_by_the_real_client(server, remote_hub)


def test_a_stopped_server_ends_soon_and_goes_on_at_its_next_start(
    server: Server, remote_hub: RemoteHub
) -> None:
    big_repo(remote_hub, server)
    remote_hub.configure(server_bps=40 * MB)
    server.download("big")
    shown = server.wait("big", lambda one: one["bytes_done"] > 40 * MB)
    assert server.terminate() < 10
    remote_hub.forget_requests()
    remote_hub.configure(server_bps=None)
    server.start()
    assert server.completed("big")["verified"]
    assert sent_bytes(remote_hub) <= SIZE + SMALL - shown["bytes_done"]
    timeline = server.call("GET", "/model-download/big/timeline")["events"]
    kinds = {one["kind"] for one in timeline}
    assert "stopped" in kinds and "resumed_after_restart" not in kinds


def test_a_paused_download_stays_paused_over_kill_9(server: Server, remote_hub: RemoteHub) -> None:
    big_repo(remote_hub, server)
    remote_hub.configure(server_bps=40 * MB)
    server.download("big")
    server.wait("big", lambda one: one["bytes_done"] > 20 * MB)
    paused = server.call("POST", "/model-download/big/pause")
    server.kill()
    remote_hub.forget_requests()
    server.start()
    after = server.status("big")
    assert (after["status"], after["phase"]) == ("downloading", "paused")
    assert after["bytes_done"] == paused["bytes_done"]
    remote_hub.configure(server_bps=None)
    server.call("POST", "/model-download/big/resume")
    assert server.completed("big")["verified"]
    assert sent_bytes(remote_hub) <= SIZE + SMALL - paused["bytes_done"]


def test_two_servers_on_one_cache_and_store_fetch_each_byte_once(
    server: Server, remote_hub: RemoteHub, tmp_path: Path
) -> None:
    big_repo(remote_hub, server)
    remote_hub.configure(server_bps=60 * MB)
    with Server(tmp_path, remote_hub.endpoint) as other:
        server.download("big")
        assert other.download("big")["status"] == "downloading"  # joins
        shown = other.wait("big", lambda one: one["bytes_done"] > 40 * MB)
        server.kill()
        remote_hub.forget_requests()  # what waits in the dead one's sockets nobody has fetched
        assert other.completed("big")["verified"]  # takes over from the dead one
    assert sent_bytes(remote_hub) <= SIZE + SMALL - shown["bytes_done"] + LOST
