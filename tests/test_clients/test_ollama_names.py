"""Names of models and addresses of the service, as people write them and as Ollama reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standins.either import EITHER
from tests.standins.ollama import AnyOllama
from yipyap_core.clients.ollama import OllamaClient
from yipyap_core.clients.ollama_faults import OllamaRefusal
from yipyap_core.domain.ollama import MODEL_NAME, full_name, parse_address, parse_model_name
from yipyap_core.errors import Invalid, InvalidName, NotFound


@pytest.fixture
def client(ollama: AnyOllama) -> OllamaClient:
    return OllamaClient(parse_address(ollama.base_url))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("llama2:7b", "llama2:7b"),
        ("  qwen3 ", "qwen3"),
        ("ollama run llama2:7b", "llama2:7b"),
        ("$ ollama pull mistral", "mistral"),
        ("ollama run llama2 --verbose", "llama2"),
        ("ollama run --verbose llama2", "llama2"),
        ("ollama run --keepalive 5m --think=high llama2 'hi, there'", "llama2"),
        ("OLLAMA RUN Llama2:7b", "Llama2:7b"),
        ("$ollama  pull\tmistral", "mistral"),
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
        *("ollama run --keepalive 5m", "ollama stop x", "ollamas run x"),
        *("a" * 81, "x:" + "t" * 81, "x@sha256:" + "0" * 64, "x" * 100_000),
        f"a{' ' * 10_000}b",  # a pattern that tries every way to split the blanks never ends
    ],
)
def test_what_ollama_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(InvalidName) as caught:
        parse_model_name(text)
    assert len(caught.value.message) < 200


@EITHER
def test_names_are_those_that_ollama_understands(client: OllamaClient) -> None:
    for name in ("a/b/c:d", "a_b/c.d:e-f", "localhost:5000/a/b:1", "x" * 80, "a..b", "x:y"):
        with pytest.raises(NotFound):
            client.show(name)
    for name in ("a b", "-x", "x:", ":x", "a//b", "é", "x" * 81, "x@sha256:" + "0" * 64):
        with pytest.raises(OllamaRefusal, match="invalid model name") as caught:
            client.show(name)
        assert caught.value.code == "invalid_name"
        with pytest.raises(InvalidName):
            parse_model_name(name)


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
