"""What the server has in memory and what it says, in the stand-in and in the program."""

from __future__ import annotations

from datetime import UTC, datetime

import ollama as official
import pytest

from tests.standins.either import EITHER
from tests.standins.ollama import (
    AnyOllama,
    OllamaModel,
)
from tests.standins.ollama.tiny import ENDLESS
from tests.test_standins.ollama_http import lines, post

MODEL = OllamaModel("llama2:7b", size_bytes=1_000_000, weight_layers=2)


@pytest.fixture
def client(ollama: AnyOllama) -> official.Client:
    """The official client, bound to the server."""
    return official.Client(host=ollama.base_url)


@EITHER
def test_deleting_frees_what_nothing_else_needs(ollama: AnyOllama, client: official.Client) -> None:
    ollama.install(MODEL)
    assert client.delete("llama2:7b").status == "success"
    assert client.list().models == []
    assert ollama.pulled_bytes("llama2:7b") == 0


@EITHER
def test_chat_streams_and_keeps_the_model_loaded(
    ollama: AnyOllama, client: official.Client
) -> None:
    ollama.install(MODEL)
    question = [{"role": "user", "content": "two words"}]
    parts = list(client.chat("llama2:7b", question, stream=True))
    said = "".join(part.message.content or "" for part in parts)
    assert said.strip() == ollama.answer("two words")
    assert parts[-1].done_reason == "stop"
    assert client.chat("llama2:7b", question).message.content == said
    running = client.ps().models[0]
    assert (running.model, running.digest) == ("llama2:7b", MODEL.digest)
    assert (running.size or 0) >= (running.size_vram or 0) >= 0
    assert running.expires_at is not None
    assert running.expires_at > datetime.now(UTC)
    assert client.generate("llama2:7b", keep_alive=0).done_reason == "unload"
    ollama.wait_until(lambda: client.ps().models == [])
    answer = client.generate("llama2:7b", "hello")
    assert (answer.response or "").strip() == ollama.answer("hello")
    assert answer.context


@EITHER
def test_loading_says_nothing_and_is_no_stream(ollama: AnyOllama) -> None:
    ollama.install(MODEL)
    for path in ("/api/chat", "/api/generate"):
        for given, reason in (("10m", "load"), (-1, "load"), (0, "unload")):
            got = post(ollama, path, model="llama2:7b", keep_alive=given)
            assert got.headers["Content-Type"] == "application/json; charset=utf-8"
            [line] = lines(got)
            assert (line["done"], line["done_reason"]) == (True, reason)
    assert post(ollama, "/api/generate", model="llama2:7b", keep_alive="x").status == 400


@EITHER
def test_a_deleted_model_stays_in_memory_where_nobody_can_reach_it(
    ollama: AnyOllama, client: official.Client
) -> None:
    ollama.install(MODEL)
    client.generate("llama2:7b")
    client.delete("llama2:7b")
    assert [model.model for model in client.ps().models] == ["llama2:7b"]
    with pytest.raises(official.ResponseError, match="not found"):
        client.generate("llama2:7b", keep_alive=0)


@EITHER
def test_an_answer_without_end_ends_where_it_should(
    ollama: AnyOllama, client: official.Client
) -> None:
    ollama.install(MODEL)
    question = [{"role": "user", "content": f"Tell me{ENDLESS}"}]
    answer = client.chat("llama2:7b", question, options={"num_predict": 100})
    assert (answer.done_reason, answer.eval_count) == ("length", 100)
    with pytest.raises(official.ResponseError, match="does not support thinking"):
        client.chat("llama2:7b", question, think=True)
