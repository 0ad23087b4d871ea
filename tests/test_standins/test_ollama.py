"""The official client and a plain one find in the stand-in the server they know."""

from __future__ import annotations

import hashlib
import http.client
import json
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

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
    PullStall,
    ResetLine,
    disk_full,
    full_name,
)
from tests.standins.ollama.models import InvalidName
from tests.standins.ollama.talk import keep_alive
from tests.test_standins.test_hub_http import Got, fetch

MODEL = OllamaModel("llama2:7b", size_bytes=1_000_000, weight_layers=2)


@pytest.fixture
def client(ollama: Ollama) -> official.Client:
    """The official client, bound to the stand-in."""
    return official.Client(host=ollama.base_url)


def post(ollama: Ollama, path: str, **body: Any) -> Got:
    """One POST as curl would send it."""
    connection = http.client.HTTPConnection(urlsplit(ollama.base_url).netloc, timeout=10)
    try:
        connection.request("POST", path, json.dumps(body))
        answer = connection.getresponse()
        return Got(answer.status, dict(answer.headers.items()), answer.read())
    finally:
        connection.close()


def lines(got: Got) -> list[dict[str, Any]]:
    """A stream's lines."""
    return [json.loads(text) for text in got.body.splitlines()]


def test_the_server_says_that_it_runs(ollama: Ollama) -> None:
    assert fetch(f"{ollama.base_url}/").body == b"Ollama is running"
    assert fetch(f"{ollama.base_url}/", "HEAD").status == 200
    assert json.loads(fetch(f"{ollama.base_url}/api/version").body) == {"version": "0.13.5"}
    assert fetch(f"{ollama.base_url}/api/none").status == 404


def test_a_pull_tells_each_layer_and_installs(ollama: Ollama, client: official.Client) -> None:
    ollama.publish(MODEL)
    told = list(client.pull("llama2:7b", stream=True))
    statuses = [each.status for each in told]
    assert statuses[0] == "pulling manifest"
    assert statuses[-3:] == ["verifying sha256 digest", "writing manifest", "success"]
    seen: dict[str, int] = {}
    for each in told:
        if each.digest:
            assert each.status == f"pulling {each.digest.removeprefix('sha256:')[:12]}"
            assert seen.get(each.digest, 0) <= (each.completed or 0) <= (each.total or 0)
            seen[each.digest] = each.completed or 0
    assert seen == {layer.digest: layer.size_bytes for layer in MODEL.layers}
    assert [model.model for model in client.list().models] == ["llama2:7b"]


def test_a_stream_is_newline_delimited_json(ollama: Ollama) -> None:
    ollama.publish(MODEL)
    got = post(ollama, "/api/pull", model="llama2:7b")
    assert got.headers["Content-Type"] == "application/x-ndjson"
    assert lines(got)[-1] == {"status": "success"}
    assert lines(post(ollama, "/api/pull", name="llama2:7b", stream=False)) == [
        {"status": "success"}
    ]


def test_a_listed_model_has_what_the_page_shows(ollama: Ollama, client: official.Client) -> None:
    ollama.install(MODEL)
    listed = client.list().models[0]
    assert (listed.size, listed.digest) == (MODEL.total_bytes, MODEL.digest)
    assert listed.details is not None
    assert listed.details.family == "llama"
    assert listed.details.quantization_level == "Q4_K_M"
    assert listed.modified_at is not None
    assert listed.modified_at <= datetime.now(UTC)
    shown = client.show("llama2:7b")
    assert shown.capabilities == ["completion"]
    assert shown.modelinfo is not None


def test_a_cut_pull_goes_on_where_it_was(ollama: Ollama, client: official.Client) -> None:
    ollama.publish(MODEL)
    ollama.inject(PullCut(after_bytes=400_000), count=1)
    with pytest.raises(Exception, match="incomplete"):
        list(client.pull("llama2:7b", stream=True))
    kept = ollama.pulled_bytes("llama2:7b")
    assert kept >= 400_000
    first = next(each for each in client.pull("llama2:7b", stream=True) if each.digest)
    assert first.completed == min(kept, 500_000)


def test_a_pull_stops_when_its_client_leaves(ollama: Ollama, client: official.Client) -> None:
    ollama.publish(MODEL)
    injected = ollama.inject(PullStall(after_bytes=200_000))
    stream = client.pull("llama2:7b", stream=True)
    while next(stream).completed != 250_000:
        pass
    client._client.close()
    ollama.wait_until(lambda: ollama.find("/api/pull")[0].ended is not None)
    assert injected.strikes == 1
    assert ollama.pulled_bytes("llama2:7b") == 250_000
    assert ollama.installed == {}


def test_a_slow_pull_keeps_its_pace(ollama: Ollama) -> None:
    ollama.publish(OllamaModel("small", size_bytes=200_000))
    ollama.configure(pull_bps=1_000_000, progress_seconds=0.01)
    assert lines(post(ollama, "/api/pull", model="small"))[-1] == {"status": "success"}
    record = ollama.requests[0]
    assert record.ended is not None
    assert record.ended - record.started >= 0.2


def test_an_unknown_model_is_an_error_in_mid_stream(
    ollama: Ollama, client: official.Client
) -> None:
    words = "pull model manifest: file does not exist"
    got = post(ollama, "/api/pull", model="none")
    assert (got.status, lines(got)[-1]) == (200, {"error": words})
    with pytest.raises(official.ResponseError, match=words):
        list(client.pull("none", stream=True))
    refused = post(ollama, "/api/pull", model="none", stream=False)
    assert (refused.status, lines(refused)) == (500, [{"error": words}])


def test_models_that_are_not_there_are_404_in_json(client: official.Client) -> None:
    with pytest.raises(official.ResponseError, match="model 'none' not found") as caught:
        client.show("none")
    assert caught.value.status_code == 404
    for call in (client.delete, client.chat, client.generate):
        with pytest.raises(official.ResponseError, match="not found"):
            call("none")


@pytest.mark.parametrize("name", ["", "a b", "x" * 300, "../x", "a:b:c", "a/b/c/d", "x:"])
def test_invalid_names_are_refused(ollama: Ollama, name: str) -> None:
    got = post(ollama, "/api/pull", model=name)
    assert (got.status, lines(got)) == (400, [{"error": "invalid model name"}])
    with pytest.raises(InvalidName):
        full_name(name)


def test_names_are_spelled_out() -> None:
    names = ["qwen3", "library/qwen3", "registry.ollama.ai/library/qwen3:latest"]
    assert {full_name(name) for name in names} == {"qwen3:latest"}
    assert full_name("hf.co/org/Model-GGUF:Q4_K_M") == "hf.co/org/Model-GGUF:Q4_K_M"


def test_deleting_frees_what_nothing_else_needs(ollama: Ollama, client: official.Client) -> None:
    ollama.install(MODEL)
    assert client.delete("llama2:7b").status == "success"
    assert client.list().models == []
    assert ollama.pulled_bytes("llama2:7b") == 0


def test_chat_streams_and_keeps_the_model_loaded(ollama: Ollama, client: official.Client) -> None:
    ollama.install(MODEL)
    question = [{"role": "user", "content": "two words"}]
    parts = list(client.chat("llama2:7b", question, stream=True))
    assert "".join(part.message.content or "" for part in parts) == "You said: two words"
    assert parts[-1].done_reason == "stop"
    assert client.chat("llama2:7b", question).message.content == "You said: two words"
    running = client.ps().models[0]
    assert (running.model, running.size_vram) == ("llama2:7b", 1_000_000)
    assert running.expires_at is not None
    assert running.expires_at > datetime.now(UTC)
    assert client.generate("llama2:7b", keep_alive=0).done_reason == "unload"
    assert client.ps().models == []
    assert client.generate("llama2:7b", "hello").response == "You said: hello"


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, 300), (0, 0), ("10m", 600), ("1h30m", 5400), ("500ms", 0.5), (30, 30)],
)
def test_keep_alive_is_read_as_seconds_or_words(given: object, expected: float) -> None:
    assert keep_alive(given) == timedelta(seconds=expected)


def test_the_registry_tells_newer_editions(ollama: Ollama) -> None:
    ollama.install(MODEL)
    ollama.publish(OllamaModel("llama2:7b", edition=2))
    got = fetch(f"{ollama.registry_url}/v2/library/llama2/manifests/7b")
    assert json.loads(got.body)["schemaVersion"] == 2
    assert MODEL.digest not in got.body.decode()
    assert MODEL.manifest != got.body
    missing = fetch(f"{ollama.registry_url}/v2/library/none/manifests/7b")
    assert (missing.status, json.loads(missing.body)["errors"][0]["code"]) == (
        404,
        "MANIFEST_UNKNOWN",
    )
    assert fetch(f"{ollama.registry_url}/other").status == 404


def test_a_server_that_is_away_refuses_and_returns(ollama: Ollama, client: official.Client) -> None:
    ollama.install(MODEL)
    ollama.stop()
    with pytest.raises(ConnectionError):
        client.list()
    ollama.start()
    assert len(client.list().models) == 1


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
