"""What only the stand-in of Ollama can do: faults of the server itself, and its command line."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from datetime import timedelta

import ollama as official
import pytest

from tests.standins.hub.remote import ROOT
from tests.standins.ollama import (
    HTML,
    Answer,
    NoAnswer,
    Ollama,
    OllamaModel,
    PullCut,
    PullError,
    PullLines,
    ResetLine,
    disk_full,
    full_name,
)
from tests.standins.ollama.talk import keep_alive
from tests.test_standins.ollama_http import lines, post
from tests.test_standins.test_hub_http import fetch

MODEL = OllamaModel("llama2:7b", size_bytes=1_000_000, weight_layers=2)


@pytest.fixture
def client(ollama: Ollama) -> official.Client:
    """The official client, bound to the stand-in."""
    return official.Client(host=ollama.base_url)


def test_a_cut_pull_goes_on_where_it_was(ollama: Ollama, client: official.Client) -> None:
    ollama.publish(MODEL)
    ollama.inject(PullCut(after_bytes=400_000), count=1)
    with pytest.raises(Exception, match="incomplete"):
        list(client.pull("llama2:7b", stream=True))
    kept = ollama.pulled_bytes("llama2:7b")
    assert kept >= 400_000
    first = next(each for each in client.pull("llama2:7b", stream=True) if each.digest)
    assert first.completed == min(kept, 500_000)


def test_errors_in_mid_stream_keep_what_arrived(ollama: Ollama, client: official.Client) -> None:
    ollama.publish(MODEL)
    ollama.inject(disk_full(after_bytes=300_000), count=1)
    ollama.inject(PullError("max retries exceeded: EOF"), count=1)
    with pytest.raises(official.ResponseError, match="no space left on device"):
        list(client.pull("llama2:7b", stream=True))
    assert ollama.pulled_bytes("llama2:7b") >= 300_000
    with pytest.raises(official.ResponseError, match="max retries"):
        list(client.pull("llama2:7b", stream=True))
    assert list(client.pull("llama2:7b", stream=True))[-1].status == "success"


def test_unknown_lines_are_sent_as_they_are(ollama: Ollama) -> None:
    ollama.publish(MODEL)
    ollama.inject(PullLines(({"status": "polishing", "percent": 3}, "not json")))
    got = post(ollama, "/api/pull", model="llama2:7b").body.splitlines()
    assert json.loads(got[1]) == {"status": "polishing", "percent": 3}
    assert got[2] == b"not json"
    assert json.loads(got[-1]) == {"status": "success"}


def test_answers_may_be_replaced_held_or_reset(ollama: Ollama) -> None:
    ollama.inject(HTML, path="/api/tags", count=1)
    ollama.inject(Answer(503), path="/api/tags", count=1)
    ollama.inject(ResetLine(), path="/api/tags", count=1)
    held = ollama.inject(NoAnswer(), path="/api/tags")
    address = f"{ollama.base_url}/api/tags"
    assert fetch(address).headers["Content-Type"] == "text/html"
    assert json.loads(fetch(address).body) == {"error": "stand-in fault"}
    with pytest.raises(ConnectionResetError):
        fetch(address)
    statuses: list[int] = []
    reader = threading.Thread(target=lambda: statuses.append(fetch(address).status))
    reader.start()
    held.release.set()
    reader.join()
    assert statuses == [200]


def test_faults_may_be_for_one_model_only(ollama: Ollama) -> None:
    ollama.publish(MODEL, OllamaModel("other"))
    ollama.inject(PullError("no"), model="other")
    assert "error" not in lines(post(ollama, "/api/pull", model="llama2:7b"))[-1]
    assert lines(post(ollama, "/api/pull", model="other"))[-1] == {"error": "no"}
    assert [record.repo_id for record in ollama.requests] == ["llama2:7b", "other:latest"]
    assert len(ollama.find("/api/pull", model="other")) == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, 300), (0, 0), ("10m", 600), ("1h30m", 5400), ("500ms", 0.5), (30, 30)],
)
def test_keep_alive_is_read_as_seconds_or_words(given: object, expected: float) -> None:
    assert keep_alive(given) == timedelta(seconds=expected)


def test_names_are_spelled_out() -> None:
    names = ["qwen3", "library/qwen3", "registry.ollama.ai/library/qwen3:latest"]
    assert {full_name(name) for name in names} == {"qwen3:latest"}
    assert full_name("hf.co/org/Model-GGUF:Q4_K_M") == "hf.co/org/Model-GGUF:Q4_K_M"


def test_the_command_line_seeds_a_few_models() -> None:
    command = [sys.executable, "-m", "tests.standins.ollama", "--pull-bps", "1e6"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    addresses = json.loads(process.stdout.readline())
    listed = json.loads(fetch(f"{addresses['base_url']}/api/tags").body)["models"]
    assert [model["name"] for model in listed] == ["qwen3:8b", "gemma3:1b"]
    manifest = fetch(f"{addresses['registry_url']}/v2/library/gemma3/manifests/1b").body
    assert hashlib.sha256(manifest).hexdigest() != listed[1]["digest"]
    process.terminate()
    process.communicate(timeout=10)
