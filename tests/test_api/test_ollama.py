"""The endpoints of Ollama, over the stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from tests.standins.either import EITHER
from tests.standins.ollama import HTML, AnyOllama, Ollama, OllamaModel, PullStall
from tests.standins.ollama.tiny import ENDLESS
from tests.test_api.jobs import until, working
from tests.test_api.serving import served
from tests.test_api.world import World, open_world
from yipyap_core.domain.users import SYSTEM

LLAMA = OllamaModel("llama2:7b")


@pytest.fixture
def empty_world(ollama: AnyOllama, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A server that knows Ollama by an address without a scheme."""
    monkeypatch.setenv("OLLAMA_HOST", ollama.base_url.removeprefix("http://"))
    with open_world() as world:
        yield world


@EITHER
def test_status_is_always_200(ada: TestClient, ollama: AnyOllama) -> None:
    here, version = ada.get("/ollama/status"), ollama.version
    ollama.stop()
    away = ada.get("/ollama/status")

    assert (here.status_code, away.status_code) == (200, 200)
    body = here.json()
    assert (body["available"], body["version"], body["error"]) == (True, version, None)
    assert body["base_url"] == ollama.base_url
    assert body["assistant"]["model"] == "qwen3:8b"
    assert not body["assistant"]["available"]
    assert away.json()["available"] is False
    assert away.json()["error"] == "Ollama service not available"


@EITHER
def test_models_have_the_fields_of_the_contract(ada: TestClient, ollama: AnyOllama) -> None:
    ollama.install(LLAMA)

    [model] = ada.get("/ollama/models").json()["models"]

    assert model["modified_at"].endswith("Z")
    assert {key: value for key, value in model.items() if key != "modified_at"} == {
        "name": "llama2:7b",
        "size_bytes": LLAMA.total_bytes,
        "digest": LLAMA.digest,
        "family": "llama",
        "parameter_size": "7B",
        "quantization": "Q4_K_M",
        "loaded": False,
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/ollama/models", None),
        ("GET", "/ollama/ps", None),
        ("GET", "/ollama/outdated", None),
        ("GET", "/ollama/models/llama2:7b/show", None),
        ("POST", "/ollama/models/llama2:7b/unload", None),
        ("DELETE", "/ollama/models/llama2:7b", None),
        ("POST", "/ollama/models/pull", {"name": "llama2:7b"}),
        ("POST", "/ollama/chat", {"model": "a", "messages": [{"role": "user", "content": "x"}]}),
    ],
)
@pytest.mark.parametrize("fault", ["away", "html"])
def test_an_absent_service_is_503_with_the_exact_sentence(
    ada: TestClient, ollama: Ollama, method: str, path: str, body: Any, fault: str
) -> None:
    if fault == "away":
        ollama.stop()
    else:
        ollama.inject(HTML)

    answer = ada.request(method, path, json=body)

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "Ollama service not available"
    assert answer.json()["code"] == "ollama_unavailable"
    assert answer.json()["hint"]


@EITHER
def test_a_pull_is_accepted_and_comes_to_its_end(
    world: World, ada: TestClient, ollama: AnyOllama
) -> None:
    ollama.publish(LLAMA)
    with working(world):
        answer = ada.post("/ollama/models/pull", json={"name": "llama2:7b"})
        address = f"/ollama/pulls/{answer.json()['pull_id']}"
        until(lambda: ada.get(address).json()["status"] == "completed")
        body = ada.get(address).json()

    assert answer.status_code == 202
    assert answer.json()["status"] == "downloading"
    assert (body["name"], body["progress"], body["phase"]) == ("llama2:7b", 100.0, "done")
    assert body["bytes_done"] == body["bytes_total"] == LLAMA.total_bytes
    assert ada.get("/ollama/pulls").json()["pulls"][0]["pull_id"] == body["pull_id"]
    assert [one["name"] for one in ada.get("/ollama/models").json()["models"]] == ["llama2:7b"]


@EITHER
def test_the_same_pull_twice_joins_and_can_be_cancelled(
    world: World, ada: TestClient, ollama: AnyOllama
) -> None:
    ollama.publish(LLAMA)
    ollama.inject(PullStall(after_bytes=0))
    with working(world):
        first = ada.post("/ollama/models/pull", json={"name": "llama2:7b"}).json()
        second = ada.post("/ollama/models/pull", json={"name": "ollama run llama2:7b"}).json()
        address = f"/ollama/pulls/{first['pull_id']}"
        until(lambda: ada.get(address).json()["phase"] == "resolving")
        ada.post(f"{address}/cancel")
        until(lambda: ada.get(address).json()["phase"] == "cancelled")

    assert first["pull_id"] == second["pull_id"]


@EITHER
def test_an_unknown_name_is_202_and_fails_with_ollamas_words(world: World, ada: TestClient) -> None:
    with working(world):
        answer = ada.post("/ollama/models/pull", json={"name": "nothing:1b"})
        address = f"/ollama/pulls/{answer.json()['pull_id']}"
        until(lambda: ada.get(address).json()["status"] == "failed")

    assert answer.status_code == 202
    assert ada.get(address).json()["error"] == {
        "code": "unknown_model",
        "message": "pull model manifest: file does not exist",
        "hint": "The registry has no such model or tag: look the name up on ollama.com/library.",
        "retryable": False,
    }


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 500, "x" * 5000, "é", "a:b:c", 7, None])
def test_an_invalid_name_is_422(ada: TestClient, name: Any) -> None:
    answer = ada.post("/ollama/models/pull", json={"name": name})

    assert answer.status_code == 422
    assert "name" in {one["field"] for one in answer.json()["errors"]}


def test_pulls_stop_where_downloads_are_disabled(
    ada: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISABLE_MODEL_DOWNLOADS", "true")

    answer = ada.post("/ollama/models/pull", json={"name": "llama2:7b"})

    assert (answer.status_code, answer.json()["detail"]) == (409, "Model downloads are disabled")


@EITHER
def test_shows_loads_unloads_and_deletes(ada: TestClient, ollama: AnyOllama) -> None:
    ollama.install(LLAMA)
    question = {"model": "llama2:7b", "messages": [{"role": "user", "content": "Good day"}]}

    assert ada.get("/ollama/models/llama2:7b/show").json()["context_length"] == 40_960
    assert ada.post("/ollama/chat", json=question).status_code == 200
    assert [one["name"] for one in ada.get("/ollama/ps").json()["models"]] == ["llama2:7b"]
    assert ada.post("/ollama/models/llama2:7b/unload").json() == {
        "name": "llama2:7b",
        "loaded": False,
    }
    assert ada.get("/ollama/ps").json()["models"] == []
    assert ada.post("/ollama/chat", json=question).status_code == 200
    assert ada.delete("/ollama/models/llama2:7b").status_code == 204
    assert ada.get("/ollama/ps").json()["models"] == []
    assert ada.delete("/ollama/models/llama2:7b").status_code == 404
    assert ada.get("/ollama/models/llama2:7b/show").status_code == 404


@EITHER
def test_a_chat_is_a_stream_of_events(ada: TestClient, ollama: AnyOllama) -> None:
    ollama.install(LLAMA)
    question = {"model": "llama2:7b", "messages": [{"role": "user", "content": "Good day"}]}

    answer = ada.post("/ollama/chat", json=question)

    assert answer.headers["content-type"].startswith("text/event-stream")
    frames = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line]
    assert [one["type"] for one in frames[:-1]] == ["token"] * (len(frames) - 1)
    assert frames[-1]["type"] == "complete"
    assert "".join(one["text"] for one in frames).strip() == ollama.answer("Good day")
    assert frames[-1]["tokens"] > 0
    assert frames[-1]["seconds"] > 0


@EITHER
def test_a_chat_with_an_unknown_model_is_404(ada: TestClient) -> None:
    question = {"model": "none:1b", "messages": [{"role": "user", "content": "x"}]}

    assert ada.post("/ollama/chat", json=question).status_code == 404


@EITHER
def test_a_listener_who_leaves_lets_the_service_stop(world: World, ollama: AnyOllama) -> None:
    ollama.install(LLAMA)
    question = {"model": "llama2:7b", "messages": [{"role": "user", "content": ENDLESS}]}
    headers = {"Authorization": f"Bearer {world.people.bearer('ada')}"}
    with (
        served(world.api) as url,
        httpx.stream("POST", f"{url}/ollama/chat", json=question, headers=headers) as answer,
    ):
        next(answer.iter_lines())
    assert world.services.ollama.unload(SYSTEM, "llama2:7b")  # not before its answer has ended
    assert ollama.loaded == []
