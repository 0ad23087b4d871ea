"""The client against the stand-in, and most of it against a real Ollama, too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.standins.either import EITHER
from tests.standins.ollama import (
    HTML,
    Answer,
    AnyOllama,
    Ollama,
    OllamaModel,
    ResetLine,
)
from tests.standins.ollama.tiny import ENDLESS
from yipyap_core.clients.ollama import OllamaClient
from yipyap_core.clients.ollama_faults import OllamaRefusal
from yipyap_core.domain.ollama import (
    parse_address,
)
from yipyap_core.errors import NotFound, OllamaUnavailable

LLAMA = OllamaModel("llama2:7b", size_bytes=3_000_000, weight_layers=2)
ENDLESS_QUESTION = [{"role": "user", "content": f"Good day{ENDLESS}"}]


@pytest.fixture
def client(ollama: AnyOllama) -> OllamaClient:
    return OllamaClient(parse_address(ollama.base_url))


@EITHER
def test_tells_version_models_and_what_is_loaded(ollama: AnyOllama, client: OllamaClient) -> None:
    ollama.install(LLAMA)

    [model] = client.models()

    assert client.version() == ollama.version
    assert (model.name, model.size_bytes) == ("llama2:7b", LLAMA.total_bytes)
    assert model.digest == LLAMA.digest
    assert (model.family, model.parameter_size, model.quantization) == ("llama", "7B", "Q4_K_M")
    assert model.modified_at is not None
    assert model.modified_at.tzinfo is not None
    assert client.loaded() == []


@EITHER
def test_loads_and_unloads(ollama: AnyOllama, client: OllamaClient) -> None:
    ollama.install(LLAMA)

    client.load("llama2:7b", keep_alive_seconds=300)
    [loaded] = client.loaded()

    assert loaded.name == "llama2:7b"
    assert loaded.size_bytes >= loaded.vram_bytes >= 0
    assert loaded.size_bytes > 0
    assert loaded.context_length == 4096
    assert client.unload("llama2:7b")
    assert client.loaded() == []
    assert client.unload("llama2:7b")  # again is harmless


@EITHER
def test_a_model_that_answers_leaves_the_memory_when_it_has_ended(
    ollama: AnyOllama, client: OllamaClient
) -> None:
    ollama.install(LLAMA)
    chunks = client.chat("llama2:7b", ENDLESS_QUESTION, {})
    for _ in chunks:
        break
    client.unload("llama2:7b", patience_seconds=0)

    chunks.stop()

    assert client.unload("llama2:7b")


@EITHER
def test_a_deleted_model_leaves_the_memory_too(ollama: AnyOllama, client: OllamaClient) -> None:
    ollama.install(LLAMA)
    client.load("llama2:7b", keep_alive_seconds=300)

    client.delete("LLaMA2:7b")  # as the service reads names

    assert client.loaded() == []
    assert client.models() == []


@EITHER
def test_shows_and_deletes(ollama: AnyOllama, client: OllamaClient) -> None:
    ollama.install(LLAMA)

    details = client.show("llama2:7b")
    client.delete("llama2:7b")

    assert (details.family, details.context_length) == ("llama", 40_960)
    assert (details.license, details.template) == ("A licence.", "{{ .Prompt }}")
    assert details.capabilities == ("completion",)
    parameters = sorted(line.split() for line in details.parameters.splitlines())
    assert parameters == [["stop", '"<|im_end|>"'], ["temperature", "0.6"]]
    assert "FROM" in details.modelfile
    assert client.models() == []


@EITHER
@pytest.mark.parametrize("call", ["show", "delete", "load", "chat"])
def test_an_unknown_model_is_named(client: OllamaClient, call: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "show": lambda: client.show("none:1b"),
        "delete": lambda: client.delete("none:1b"),
        "load": lambda: client.load("none:1b", 0),
        "chat": lambda: list(client.chat("none:1b", [{"role": "user", "content": "x"}], {})),
    }
    with pytest.raises(NotFound, match="none:1b") as caught:
        calls[call]()
    assert caught.value.code == "unknown_model"


@EITHER
def test_chats_piece_by_piece(ollama: AnyOllama, client: OllamaClient) -> None:
    ollama.install(LLAMA)

    chunks = list(client.chat("llama2:7b", [{"role": "user", "content": "Good day"}], {}))

    assert len(chunks) > 2
    assert "".join(chunk.text for chunk in chunks).strip() == ollama.answer("Good day")
    assert chunks[-1].eval_count
    assert chunks[-1].eval_seconds
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


@EITHER
def test_a_service_that_is_away_is_one_error(ollama: AnyOllama, client: OllamaClient) -> None:
    ollama.stop()

    with pytest.raises(OllamaUnavailable, match=r"^Ollama service not available$") as caught:
        client.version()
    assert "Nothing answers at" in caught.value.hint
    assert "ollama serve" in caught.value.hint


@pytest.mark.parametrize(
    "fault",
    [
        HTML,
        Answer(302, "", "text/html"),
        Answer(200, "[]"),
        Answer(200, "{}"),
        Answer(200, "null"),
        Answer(502, "<html>Bad gateway</html>", "text/html"),
        ResetLine(),
    ],
    ids=["html", "redirect", "list", "empty", "null", "bad gateway", "reset"],
)
@pytest.mark.parametrize("call", ["version", "models", "loaded"])
def test_what_is_not_ollama_counts_as_away(
    ollama: Ollama, client: OllamaClient, fault: Answer, call: str
) -> None:
    ollama.inject(fault)

    with pytest.raises(OllamaUnavailable):
        getattr(client, call)()


@EITHER
def test_an_answer_that_breaks_off_says_what_broke(ollama: AnyOllama, client: OllamaClient) -> None:
    ollama.install(LLAMA)
    with pytest.raises(OllamaRefusal, match="while running the model") as caught:
        for number, _ in enumerate(client.chat("llama2:7b", ENDLESS_QUESTION, {})):
            if number == 10:
                ollama.kill_runner()

    assert (caught.value.code, caught.value.retryable) == ("model_failed", True)
    assert "registry" not in caught.value.hint


@EITHER
def test_a_service_that_dies_in_mid_answer_is_away(ollama: AnyOllama, client: OllamaClient) -> None:
    ollama.install(LLAMA)
    with pytest.raises(OllamaUnavailable):
        for number, _ in enumerate(client.chat("llama2:7b", ENDLESS_QUESTION, {})):
            if number == 10:
                ollama.crash()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("model requires more system memory (9 GiB) than is available (1 GiB)", "out_of_memory"),
        ("llama runner process has terminated: cudaMalloc failed: out of memory", "out_of_memory"),
        ("timed out waiting for llama runner to start", "model_failed"),
        ("invalid file magic", "model_broken"),
        ("server busy, please try again.  maximum pending requests exceeded", "ollama_busy"),
    ],
)
def test_what_keeps_a_model_from_running_is_told_apart(words: str, code: str) -> None:
    error = OllamaRefusal(words)

    assert (error.message, error.code) == (words, code)
    assert "registry" not in error.hint


@EITHER
def test_an_aborted_answer_leaves_the_service_idle(ollama: AnyOllama, client: OllamaClient) -> None:
    ollama.install(LLAMA)
    chunks = client.chat("llama2:7b", ENDLESS_QUESTION, {})
    for _ in chunks:
        break

    chunks.stop()

    assert client.models()
    assert client.unload("llama2:7b")
