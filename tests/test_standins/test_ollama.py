"""The official client and a plain one find the same server in the stand-in and in the program."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import ollama as official
import pytest

from tests.standins.either import EITHER
from tests.standins.ollama import (
    AnyOllama,
    OllamaModel,
    PullStall,
    RegistryFailure,
    WrongBytes,
    full_name,
)
from tests.standins.ollama.faults import OllamaFault
from tests.standins.ollama.models import InvalidName
from tests.test_standins.ollama_http import lines, post, send
from tests.test_standins.test_hub_http import fetch

MODEL = OllamaModel("llama2:7b", size_bytes=1_000_000, weight_layers=2)
QUESTION = [{"role": "user", "content": "Good day"}]
SUMMARY = {"name", "model", "size", "digest", "details"}
DETAILS = {
    *("parent_model", "format", "family", "families", "parameter_size", "quantization_level"),
}
SHOWN = {
    *("license", "modelfile", "parameters", "template", "details", "model_info", "tensors"),
    *("capabilities", "modified_at"),
}
FIGURES = {
    *("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration"),
    *("eval_count", "eval_duration"),
}
NOWHERE = [
    ("/api/none", 404, b"404 page not found"),
    ("/api/pull", 405, b"405 method not allowed"),
]


@pytest.fixture
def client(ollama: AnyOllama) -> official.Client:
    """The official client, bound to the server."""
    return official.Client(host=ollama.base_url)


@EITHER
def test_the_server_says_that_it_runs(ollama: AnyOllama) -> None:
    assert fetch(f"{ollama.base_url}/").body == b"Ollama is running"
    assert fetch(f"{ollama.base_url}/", "HEAD").status == 200
    assert json.loads(fetch(f"{ollama.base_url}/api/version").body) == {"version": ollama.version}
    for path, status, words in NOWHERE:
        got = fetch(f"{ollama.base_url}{path}")
        assert (got.status, got.body, got.headers["Content-Type"]) == (status, words, "text/plain")


@EITHER
def test_a_pull_tells_each_layer_and_installs(ollama: AnyOllama, client: official.Client) -> None:
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


@EITHER
def test_a_stream_is_newline_delimited_json(ollama: AnyOllama) -> None:
    ollama.publish(MODEL)
    got = post(ollama, "/api/pull", model="llama2:7b")
    assert got.headers["Content-Type"] == "application/x-ndjson"
    assert lines(got)[-1] == {"status": "success"}
    assert lines(post(ollama, "/api/pull", name="llama2:7b", stream=False)) == [
        {"status": "success"}
    ]


@EITHER
def test_a_listed_model_has_what_the_page_shows(ollama: AnyOllama, client: official.Client) -> None:
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


@EITHER
def test_a_pull_stops_when_its_client_leaves(ollama: AnyOllama, client: official.Client) -> None:
    ollama.publish(MODEL)
    injected = ollama.inject(PullStall(after_bytes=200_000))
    stream = client.pull("llama2:7b", stream=True)
    while (next(stream).completed or 0) < 200_000:
        pass
    client._client.close()
    ollama.wait_until(lambda: not ollama.is_pulling())
    assert injected.strikes == 1
    assert 200_000 <= ollama.pulled_bytes("llama2:7b") < 300_000
    assert not ollama.installed


@EITHER
def test_a_slow_pull_keeps_its_pace(ollama: AnyOllama) -> None:
    ollama.publish(OllamaModel("small", size_bytes=150_000))
    ollama.pace(100_000)
    started = time.monotonic()
    assert lines(post(ollama, "/api/pull", model="small"))[-1] == {"status": "success"}
    assert time.monotonic() - started >= 1.4


@EITHER
def test_an_unknown_model_is_an_error_in_mid_stream(
    ollama: AnyOllama, client: official.Client
) -> None:
    words = "pull model manifest: file does not exist"
    got = post(ollama, "/api/pull", model="none")
    assert (got.status, lines(got)[-1]) == (200, {"error": words})
    with pytest.raises(official.ResponseError, match=words):
        list(client.pull("none", stream=True))
    refused = post(ollama, "/api/pull", model="none", stream=False)
    assert (refused.status, lines(refused)) == (500, [{"error": words}])


@EITHER
def test_models_that_are_not_there_are_404_in_json(client: official.Client) -> None:
    with pytest.raises(official.ResponseError, match="model 'none' not found") as caught:
        client.show("none")
    assert caught.value.status_code == 404
    for call in (client.delete, client.chat, client.generate):
        with pytest.raises(official.ResponseError, match="not found"):
            call("none")


@EITHER
@pytest.mark.parametrize("name", ["", "a b", "x" * 300, "../x", "a:b:c", "a/b/c/d", "x:"])
def test_invalid_names_are_refused(ollama: AnyOllama, name: str) -> None:
    got = post(ollama, "/api/pull", model=name)
    assert (got.status, lines(got)) == (400, [{"error": "invalid model name"}])
    with pytest.raises(InvalidName):
        full_name(name)


@EITHER
@pytest.mark.parametrize(
    ("path", "name", "status", "words"),
    [
        ("/api/pull", None, 400, "missing request body"),
        ("/api/pull", "", 400, "invalid model name"),
        ("/api/show", "", 400, "model is required"),
        ("/api/show", "a b", 400, "invalid model name"),
        ("/api/show", "None:1B", 404, "model 'None:1B' not found"),
        ("/api/chat", "", 400, "model is required"),
        ("/api/generate", "", 404, "model '' not found"),
        ("/api/delete", "", 400, "model is required"),
        ("/api/delete", "a b", 400, 'name "a b" is invalid'),
    ],
)
def test_refusals_have_the_words_of_the_server(
    ollama: AnyOllama, path: str, name: str | None, status: int, words: str
) -> None:
    method = "DELETE" if path == "/api/delete" else "POST"
    body = None if name is None else json.dumps({"model": name})
    got = send(ollama, method, path, body)
    assert (got.status, lines(got)) == (status, [{"error": words}])


@EITHER
def test_names_are_found_in_any_case_and_spelling(
    ollama: AnyOllama, client: official.Client
) -> None:
    ollama.install(MODEL)
    for name in ("LLaMA2:7B", " llama2:7b ", "library/llama2:7b"):
        assert client.show(name).license == "A licence."
        assert lines(post(ollama, "/api/pull", model=name))[-1] == {"status": "success"}
    assert list(ollama.installed) == ["llama2:7b"]


@EITHER
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (RegistryFailure(500, "words"), "pull model manifest: 500: words"),
        (WrongBytes(), "digest mismatch, file must be downloaded again: want sha256:"),
    ],
)
def test_what_the_registry_does_wrong_is_told_and_the_next_pull_succeeds(
    ollama: AnyOllama, fault: OllamaFault, words: str
) -> None:
    ollama.publish(MODEL)
    ollama.inject(fault, count=1)
    got = post(ollama, "/api/pull", model="llama2:7b")
    assert got.status == 200
    assert lines(got)[-1]["error"].startswith(words)
    assert lines(post(ollama, "/api/pull", model="llama2:7b"))[-1] == {"status": "success"}


@EITHER
def test_the_registry_tells_newer_editions(ollama: AnyOllama) -> None:
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


@EITHER
def test_a_server_that_is_away_refuses_and_returns(
    ollama: AnyOllama, client: official.Client
) -> None:
    ollama.install(MODEL)
    ollama.stop()
    with pytest.raises(ConnectionError):
        client.list()
    ollama.start()
    assert len(client.list().models) == 1


@EITHER
def test_answers_have_the_fields_of_the_server(ollama: AnyOllama) -> None:
    ollama.install(MODEL)
    told = lines(post(ollama, "/api/chat", model="llama2:7b", messages=QUESTION))
    listed, running = (
        json.loads(fetch(f"{ollama.base_url}/api/{what}").body)["models"][0]
        for what in ("tags", "ps")
    )
    [shown] = lines(post(ollama, "/api/show", model="llama2:7b"))
    assert set(listed) >= {*SUMMARY, "modified_at"}
    assert set(running) >= {*SUMMARY, "size_vram", "expires_at", "context_length"}
    assert listed["details"] == running["details"] == shown["details"]
    assert set(listed["details"]) >= DETAILS
    assert set(shown) >= SHOWN
    assert set(told[0]) == {"model", "created_at", "message", "done"}
    assert set(told[-1]) >= {*told[0], "done_reason", *FIGURES}
