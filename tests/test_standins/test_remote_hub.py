"""A hub in a process of its own is used like one in this process, and never left behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.standins.hub import (
    Hub,
    Latency,
    Pattern,
    RemoteHub,
    Source,
    Sparse,
    Stage,
    Stall,
    Token,
    Truncate,
)
from tests.standins.hub.interface import HubInterface
from tests.standins.hub.remote import ROOT
from tests.test_standins.test_hub_http import blob_url, fetch

FILES: dict[str, Source] = {
    "model.safetensors": Pattern(200_000, seed=1),
    "notes.txt": b"\x00bytes\xff",
    "sparse.bin": Sparse(5_000_000_000, sha256="cd" * 32),
}


def test_both_hubs_answer_alike(remote_hub: RemoteHub, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "disk.txt").write_bytes(b"on disk")
    files = {**FILES, "disk.txt": tmp_path / "disk.txt"}
    told = [_told(each, files) for each in (hub, remote_hub)]
    assert told[0] == told[1]


def _told(hub: HubInterface, files: dict[str, Source]) -> list[object]:
    hub.add_token(Token("hf_one", repos=frozenset({"org/name"})))
    first = hub.add_repo("org/name", files, gated="auto", license="mit", lfs=1000)
    hub.tag("org/name", "v1")
    second = hub.commit("org/name", {"notes.txt": None, "new.txt": b"new"})
    tree = fetch(f"{hub.endpoint}/api/models/org/name/tree/main?recursive=true").body
    bearer = {"Authorization": "Bearer hf_one"}
    file = fetch(f"{hub.endpoint}/org/name/resolve/v1/notes.txt", **bearer).body
    refused = fetch(f"{hub.endpoint}/org/name/resolve/v1/disk.txt").status
    log = [(r.method, r.path, r.status, r.bytes_sent, r.authorization) for r in hub.requests]
    return [first, second, tree, file, refused, log]


def test_faults_log_and_settings_travel(remote_hub: RemoteHub) -> None:
    remote_hub.add_repo("org/name", FILES)
    injected = remote_hub.inject(Truncate(1000), Latency(0.001), path="*.safetensors", on=Stage.CDN)
    remote_hub.configure(tree_page_size=2)
    with pytest.raises(Exception, match="1000 bytes read"):
        fetch(blob_url(remote_hub))
    assert injected.strikes == 1
    assert "Link" in fetch(f"{remote_hub.endpoint}/api/models/org/name/tree/main").headers
    remote_hub.clear_faults()
    assert len(fetch(blob_url(remote_hub)).body) == 200_000
    remote_hub.expire_signatures()
    remote_hub.forget_requests()
    assert remote_hub.requests == ()


def test_a_remote_stall_is_released_and_a_remote_hub_stopped(remote_hub: RemoteHub) -> None:
    remote_hub.add_repo("org/name", FILES)
    injected = remote_hub.inject(Stall(50_000))
    address, sizes = blob_url(remote_hub), []
    reader = threading.Thread(target=lambda: sizes.append(len(fetch(address).body)))
    reader.start()
    remote_hub.wait_for_bytes(50_000, "model.safetensors")
    injected.release()
    reader.join()
    assert sizes == [200_000]
    remote_hub.stop()
    with pytest.raises(ConnectionRefusedError):
        fetch(address)
    remote_hub.start()
    assert fetch(address).status == 200


def test_what_the_control_port_refuses_is_an_error_here(remote_hub: RemoteHub) -> None:
    with pytest.raises(RuntimeError, match="KeyError"):
        remote_hub.commit("org/none", {})
    with pytest.raises(RuntimeError, match="FileNotFoundError"):
        remote_hub.add_repo("org/name", {"a": Path("/nonexistent")})


def test_a_seed_file_declares_everything(tmp_path: Path) -> None:
    seed = {
        "settings": {"tree_page_size": 1},
        "tokens": [{"value": "hf_seed", "repos": ["org/name"]}],
        "repos": [
            {
                "repo_id": "org/name",
                "files": {"a": {"text": "A"}, "b": {"text": "B"}},
                "gated": True,
            }
        ],
        "commits": [{"repo_id": "org/name", "files": {"c": {"text": "C"}}}],
        "tags": [{"repo_id": "org/name", "tag": "v1"}],
        "faults": [
            {
                "faults": [{"fault": "Status", "code": 500}],
                "options": {"path": "b", "on": "RESOLVE"},
            }
        ],
    }
    (tmp_path / "seed.json").write_text(json.dumps(seed))
    with RemoteHub.launch("--seed-file", str(tmp_path / "seed.json")) as hub:
        bearer = {"Authorization": "Bearer hf_seed"}
        statuses = [
            fetch(f"{hub.endpoint}/org/name/resolve/v1/{name}", **bearer).status for name in "abc"
        ]
        assert statuses == [200, 500, 200]


def test_the_command_line_seeds_every_model() -> None:
    with RemoteHub.launch("--models", "0.01") as hub:
        listed = json.loads(fetch(f"{hub.endpoint}/api/models?search=tagger").body)
        assert "SmilingWolf/wd-vit-tagger-v3" in [model["id"] for model in listed]


def test_the_process_ends_with_whoever_started_it() -> None:
    code = """
import os, sys
from tests.standins.hub import RemoteHub
hub = RemoteHub.launch()
print(hub.pid, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    watched = os.pidfd_open(child)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    ended, _, _ = select.select([watched], [], [], 10)
    os.close(watched)
    assert ended == [watched]
