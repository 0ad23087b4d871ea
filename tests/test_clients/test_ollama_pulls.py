"""Pulls through the client, against the stand-in, and most of them against a real Ollama, too."""

from __future__ import annotations

import threading
import time

import pytest

from tests.standins.either import EITHER
from tests.standins.ollama import (
    AnyOllama,
    NoAnswer,
    Ollama,
    OllamaModel,
    PullCut,
    PullError,
    PullLines,
    PullStall,
    RegistryCut,
    RegistryFailure,
    WrongBytes,
)
from yipyap_core.clients.ollama import OllamaClient
from yipyap_core.clients.ollama_faults import OllamaRefusal
from yipyap_core.domain.ollama import (
    parse_address,
)
from yipyap_core.errors import OllamaUnavailable

LLAMA = OllamaModel("llama2:7b", size_bytes=3_000_000, weight_layers=2)


@pytest.fixture
def client(ollama: AnyOllama) -> OllamaClient:
    return OllamaClient(parse_address(ollama.base_url))


@EITHER
def test_a_pull_tells_every_layer(ollama: AnyOllama, client: OllamaClient) -> None:
    ollama.publish(LLAMA)

    with client.pull("llama2:7b") as pull:
        frames = list(pull)

    ends = ["verifying sha256 digest", "writing manifest", "success"]
    assert frames[0].status == "pulling manifest"
    assert [frame.status for frame in frames[-3:]] == ends
    totals = {frame.digest: frame.total_bytes for frame in frames if frame.digest}
    assert sum(total or 0 for total in totals.values()) == LLAMA.total_bytes


@pytest.mark.parametrize(
    ("words", "code", "retryable"),
    [
        ("pull model manifest: file does not exist", "unknown_model", False),
        ("write /x/blobs/sha256-0-partial: no space left on device", "disk_full", False),
        ("max retries exceeded: EOF", "registry_unreachable", True),
        ('Get "https://registry.ollama.ai/v2/x": Forbidden', "registry_unreachable", True),
        ("EOF", "part_broken", False),
        ("context canceled", "pull_interrupted", True),
        ("pull model manifest: 429: slow down", "registry_failed", True),
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


@EITHER
@pytest.mark.parametrize(
    ("fault", "words", "code", "retryable"),
    [
        (RegistryFailure(503, "busy"), "manifest: 503: busy", "registry_failed", True),
        (RegistryFailure(403, "denied"), "manifest: 403: denied", "access_denied", False),
        (WrongBytes(), "digest mismatch", "hash_mismatch", True),
    ],
)
def test_what_the_registry_does_wrong_is_told(
    ollama: AnyOllama,
    client: OllamaClient,
    fault: RegistryFailure | WrongBytes,
    words: str,
    code: str,
    retryable: bool,
) -> None:
    ollama.publish(LLAMA)
    ollama.inject(fault, count=1)

    with pytest.raises(OllamaRefusal, match=words) as caught, client.pull("llama2:7b") as pull:
        list(pull)

    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert ollama.installed == {} or ollama.installed == []


@EITHER
def test_a_registry_that_breaks_off_is_asked_to_go_on(
    ollama: AnyOllama, client: OllamaClient
) -> None:
    ollama.publish(LLAMA)
    ollama.inject(RegistryCut(after_bytes=1_000_000), count=1)

    with client.pull("llama2:7b") as pull:
        frames = list(pull)

    assert frames[-1].status == "success"
    assert ollama.pulls("llama2:7b") == 1


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


@EITHER
def test_a_pull_that_is_left_stops_there_too(ollama: AnyOllama, client: OllamaClient) -> None:
    ollama.publish(LLAMA)
    ollama.inject(PullStall(after_bytes=1_000_000))
    with pytest.raises(OllamaUnavailable), client.pull("llama2:7b") as pull:
        for frame in pull:
            if (frame.completed_bytes or 0) >= 1_000_000:
                pull.stop()

    ollama.wait_until(lambda: not ollama.is_pulling())
    assert ollama.pulled_bytes("llama2:7b") >= 1_000_000
    ollama.clear_faults()
    with client.pull("llama2:7b") as pull:
        again = next(frame for frame in pull if frame.completed_bytes)
        list(pull)
    assert (again.completed_bytes or 0) >= 1_000_000
