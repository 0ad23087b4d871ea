"""What stands around the real Ollama program: its way out, its registry, and the tiny model."""

from __future__ import annotations

import hashlib
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.standins.ollama import OllamaModel, RegistryCut
from tests.standins.ollama.models import LICENSE
from tests.standins.ollama.tiny import tiny_llama
from tests.standins.real_ollama.certificate import write_certificate
from tests.standins.real_ollama.gate import Gate
from tests.standins.real_ollama.registry import BLOB_HOST, HOSTS, ModelRegistry

MODEL = OllamaModel("llama2:7b", size_bytes=200_000)
WEIGHTS, *_ = MODEL.layers
MANIFEST = "https://registry.ollama.ai/v2/library/llama2/manifests/7b"
BLOB = f"https://registry.ollama.ai/v2/library/llama2/blobs/{WEIGHTS.digest}"


@pytest.fixture
def registry() -> Iterator[ModelRegistry]:
    running = ModelRegistry()
    running.server.start()
    running.publish(MODEL)
    yield running
    running.faults.clear()
    running.server.stop()


@pytest.fixture
def gate(tmp_path: Path, registry: ModelRegistry) -> Iterator[Gate]:
    certificate = tmp_path / "registry.pem"
    write_certificate(certificate, HOSTS)
    running = Gate(HOSTS, ("127.0.0.1", registry.server.port), certificate)
    yield running
    running.close()


@pytest.fixture
def client(tmp_path: Path, gate: Gate) -> Iterator[httpx.Client]:
    trust = ssl.create_default_context(cafile=str(tmp_path / "registry.pem"))
    with httpx.Client(proxy=gate.url, verify=trust) as running:
        yield running


def test_the_gate_leads_to_the_registry_and_nowhere_else(client: httpx.Client, gate: Gate) -> None:
    assert client.get(MANIFEST).content == MODEL.manifest
    for address in ("https://ollama.com/", "http://registry.ollama.ai/", "https://127.0.0.1/"):
        with pytest.raises((httpx.ProxyError, httpx.HTTPStatusError), match="403 Forbidden"):
            client.get(address).raise_for_status()
    assert gate.refused[0] == "CONNECT ollama.com:443"


def test_a_blob_is_at_a_signed_address_and_knows_ranges(client: httpx.Client) -> None:
    client.get(MANIFEST)
    content = MODEL.content(WEIGHTS.digest)
    moved = client.get(BLOB)

    assert client.head(BLOB).headers["Content-Length"] == "200000"
    assert moved.status_code == 307
    assert moved.headers["Location"].startswith(f"https://{BLOB_HOST}/")
    part = client.get(moved.headers["Location"], headers={"Range": "bytes=100000-199999"})
    assert (part.status_code, part.content) == (206, content[100_000:])


def test_a_line_is_cut_where_it_should(client: httpx.Client, registry: ModelRegistry) -> None:
    registry.faults.add(RegistryCut(after_bytes=70_000), path=None, model=None, count=1)
    client.get(MANIFEST)
    got = b""
    with pytest.raises(httpx.RemoteProtocolError), client.stream("GET", BLOB_ADDRESS) as answer:
        for piece in answer.iter_bytes():
            got += piece
    assert len(got) == 70_000


BLOB_ADDRESS = f"https://{BLOB_HOST}/v2/library/llama2/blobs/{WEIGHTS.digest}"


def test_unknown_models_and_addresses_are_404(client: httpx.Client) -> None:
    unknown = client.get("https://registry.ollama.ai/v2/library/none/manifests/7b")
    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    assert client.get("https://registry.ollama.ai/other").status_code == 404


def test_layers_are_what_their_digests_say() -> None:
    for layer in MODEL.layers:
        content = MODEL.content(layer.digest)
        assert len(content) == layer.size_bytes
        assert layer.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    contents = [MODEL.content(layer.digest) for layer in MODEL.layers]
    assert LICENSE.encode() in contents
    assert contents[0].startswith(tiny_llama())


def test_the_tiny_model_is_a_small_gguf_file() -> None:
    data = tiny_llama()
    assert struct.unpack_from("<4sIQQ", data) == (b"GGUF", 3, 12, 19)
    assert len(data) < 120_000
