"""The client against the stand-in, and against a real Ollama where one is on the PATH."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
)
from yipyap_core.clients.ollama import OllamaClient
from yipyap_core.clients.ollama_faults import OllamaRefusal
from yipyap_core.domain.ollama import (
    MODEL_NAME,
    full_name,
    parse_address,
    parse_model_name,
)
from yipyap_core.errors import Invalid, InvalidName, NotFound, OllamaUnavailable

LLAMA = OllamaModel("llama2:7b", size_bytes=3_000_000, weight_layers=2)


@pytest.fixture
def client(ollama: Ollama) -> OllamaClient:
    return OllamaClient(parse_address(ollama.base_url))


def test_tells_version_models_and_what_is_loaded(ollama: Ollama, client: OllamaClient) -> None:
    ollama.install(LLAMA)

    [model] = client.models()

    assert client.version() == "0.13.5"
    assert (model.name, model.size_bytes) == ("llama2:7b", LLAMA.total_bytes)
    assert model.digest == LLAMA.digest
    assert (model.family, model.parameter_size, model.quantization) == ("llama", "7B", "Q4_K_M")
    assert model.modified_at is not None
    assert model.modified_at.tzinfo is not None
    assert client.loaded() == []


def test_loads_and_unloads(ollama: Ollama, client: OllamaClient) -> None:
    ollama.install(LLAMA)

    client.load("llama2:7b", keep_alive_seconds=300)
    [loaded] = client.loaded()
    client.load("llama2:7b", keep_alive_seconds=0)

    assert loaded.name == "llama2:7b"
    assert loaded.size_bytes > 0
    assert client.loaded() == []


def test_shows_and_deletes(ollama: Ollama, client: OllamaClient) -> None:
    ollama.install(LLAMA)

    details = client.show("llama2:7b")
    client.delete("llama2:7b")

    assert (details.family, details.context_length) == ("llama", 40_960)
    assert details.license == "A licence."
    assert client.models() == []


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


def test_chats_piece_by_piece(ollama: Ollama, client: OllamaClient) -> None:
    ollama.install(LLAMA)

    chunks = list(client.chat("llama2:7b", [{"role": "user", "content": "Good day"}], {}))

    assert len(chunks) > 2
    assert "".join(chunk.text for chunk in chunks)
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_a_service_that_is_away_is_one_error(ollama: Ollama, client: OllamaClient) -> None:
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


def test_a_pull_tells_every_layer(ollama: Ollama, client: OllamaClient) -> None:
    ollama.publish(LLAMA)

    with client.pull("llama2:7b") as pull:
        frames = list(pull)

    assert frames[0].status == "pulling manifest"
    assert frames[-1].status == "success"
    totals = {frame.digest: frame.total_bytes for frame in frames if frame.digest}
    assert sum(total or 0 for total in totals.values()) == LLAMA.total_bytes


@pytest.mark.parametrize(
    ("words", "code", "retryable"),
    [
        ("pull model manifest: file does not exist", "unknown_model", False),
        ("write /x/blobs/sha256-0-partial: no space left on device", "disk_full", False),
        ("max retries exceeded: EOF", "registry_unreachable", True),
        ("dial tcp: lookup registry.ollama.ai: no such host", "registry_unreachable", True),
        ("digest mismatch, file must be downloaded again", "hash_mismatch", True),
        ("this model requires a newer version of Ollama", "ollama_outdated", False),
        ("something that nobody foresaw", "ollama_error", False),
    ],
)
def test_an_error_in_mid_stream_keeps_ollamas_words_and_adds_a_hint(
    ollama: Ollama, client: OllamaClient, words: str, code: str, retryable: bool
) -> None:
    ollama.publish(LLAMA)
    ollama.inject(PullError(words, after_bytes=10))

    with pytest.raises(OllamaRefusal) as caught, client.pull("llama2:7b") as pull:
        list(pull)

    assert (caught.value.message, caught.value.code) == (words, code)
    assert caught.value.retryable is retryable
    assert caught.value.hint


def test_a_cut_stream_is_an_interruption(ollama: Ollama, client: OllamaClient) -> None:
    ollama.publish(LLAMA)
    ollama.inject(PullCut(after_bytes=1000))

    with pytest.raises(OllamaUnavailable), client.pull("llama2:7b") as pull:
        list(pull)


@pytest.mark.parametrize("lines", [("not json",), ("[]",), ({"completed": "many"},)])
def test_lines_that_no_server_sends_are_no_crash(
    ollama: Ollama, client: OllamaClient, lines: tuple[str, ...]
) -> None:
    ollama.publish(LLAMA)
    ollama.inject(PullLines(lines))

    with pytest.raises(OllamaUnavailable), client.pull("llama2:7b") as pull:
        list(pull)


@pytest.mark.parametrize("fault", [PullStall(after_bytes=0), NoAnswer()], ids=["mid", "head"])
def test_a_blocked_pull_stops_within_moments(
    ollama: Ollama, client: OllamaClient, fault: PullStall
) -> None:
    ollama.publish(LLAMA)
    rule = ollama.inject(fault)
    stopped: list[float] = []
    with pytest.raises(OllamaUnavailable), client.pull("llama2:7b") as pull:

        def stop_when_blocked() -> None:
            while not rule.strikes:
                pass
            stopped.append(time.monotonic())
            pull.stop()

        thread = threading.Thread(target=stop_when_blocked)
        thread.start()
        try:
            list(pull)
        finally:
            seconds = time.monotonic() - stopped[0]
            thread.join()
    assert seconds < 2
    pull.stop()  # again is harmless


def test_an_aborted_answer_leaves_the_service_idle(ollama: Ollama, client: OllamaClient) -> None:
    ollama.install(LLAMA)
    chunks = client.chat("llama2:7b", [{"role": "user", "content": "Good day"}], {})
    for _ in chunks:
        break

    chunks.stop()

    assert client.models()


# names and addresses


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("llama2:7b", "llama2:7b"),
        ("  qwen3 ", "qwen3"),
        ("ollama run llama2:7b", "llama2:7b"),
        ("$ ollama pull mistral", "mistral"),
        ("ollama run llama2 --verbose", "llama2"),
        ("docker exec -it ollama ollama run gemma3:4b", "gemma3:4b"),
        ("hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M",) * 2,
        ("someone/thing:latest",) * 2,
        ("localhost:5000/someone/thing:1",) * 2,
        ("https://ollama.com/library/llama3.2", "llama3.2"),
        ("https://ollama.com/someone/thing", "someone/thing"),
    ],
)
def test_names_are_understood(text: str, name: str) -> None:
    assert parse_model_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "a b", "../etc", "a/../b", "-x", "x:", ":x", "a/b/c/d", "a//b", "x:y:z"),
        *("name\nother", "né", "ollama run", "ollama run --help"),
        *("a" * 81, "x:" + "t" * 81, "x" * 100_000),
    ],
)
def test_what_ollama_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(InvalidName) as caught:
        parse_model_name(text)
    assert len(caught.value.message) < 200


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_an_error_of_ours(text: str) -> None:
    try:
        name = parse_model_name(text)
    except InvalidName:
        return
    assert MODEL_NAME.match(name)
    assert parse_model_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("llama2", "llama2:latest"),
        ("llama2:7b", "llama2:7b"),
        ("library/llama2", "llama2:latest"),
        ("registry.ollama.ai/library/llama2:7b", "llama2:7b"),
        ("host:5000/a/b", "host:5000/a/b:latest"),
    ],
)
def test_names_are_spelled_as_the_service_lists_them(text: str, name: str) -> None:
    assert full_name(text) == name


@pytest.mark.parametrize(
    ("text", "base_url"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434"),
        ("0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("[::]:11434", "http://[::1]:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("gpu-box", "http://gpu-box:11434"),
        ("gpu-box:80/", "http://gpu-box:80"),
        ("https://ollama.example.org", "https://ollama.example.org:443"),
        ("http://gpu-box/ollama/", "http://gpu-box:80/ollama"),
        ("[fe80::1]", "http://[fe80::1]:11434"),
    ],
)
def test_addresses_are_read_as_ollama_reads_them(text: str, base_url: str) -> None:
    assert parse_address(text).base_url == base_url


def test_credentials_of_an_address_are_never_shown() -> None:
    address = parse_address("http://ada:secret@gpu:1")

    assert (address.username, address.password) == ("ada", "secret")
    assert "secret" not in f"{address} {address!r} {address.base_url}"


@pytest.mark.parametrize(
    "text", ["ftp://x", "http://x:port", "http://a b", "http://[::1", "x:99999"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_address(text)


# a real Ollama, where there is one

if PROGRAM := shutil.which("ollama"):

    @pytest.fixture
    def real(tmp_path: Path, program: str = PROGRAM) -> Iterator[OllamaClient]:
        """The program itself, without models, on a port of its own."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        places = {"HOME": str(tmp_path), "OLLAMA_MODELS": str(tmp_path)}
        process = subprocess.Popen([program, "serve"], env={"OLLAMA_HOST": address, **places})
        client = OllamaClient(parse_address(address))
        _wait_for(client)
        yield client
        process.terminate()
        process.wait(timeout=20)

    def _wait_for(client: OllamaClient) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                client.version()
                return
            except OllamaUnavailable:
                assert time.monotonic() < deadline
                threading.Event().wait(0.05)

    def test_a_real_service_answers_alike(real: OllamaClient) -> None:
        assert real.version()
        assert real.models() == []
        assert real.loaded() == []
        with pytest.raises(NotFound):
            real.show("none:1b")
        with pytest.raises(NotFound):
            real.delete("none:1b")
