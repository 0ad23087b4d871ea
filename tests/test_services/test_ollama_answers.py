"""Whatever the service answers, its status is a value, and says what was seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.standins.either import EITHER
from tests.standins.ollama import Answer, AnyOllama, Ollama, OllamaModel
from tests.test_services.odd_answers import ODD_ANSWERS, PATHS
from tests.test_services.ollama_kit import ADMIN, OllamaKit
from yipyap_core.errors import OllamaUnavailable, TransferError

QWEN = OllamaModel("qwen3:8b")


@pytest.fixture
def kit(tmp_path: Path, ollama: AnyOllama) -> OllamaKit:
    ollama.install(QWEN)
    return OllamaKit(tmp_path, ollama)


@pytest.mark.parametrize("answer", ODD_ANSWERS)
@pytest.mark.parametrize("path", PATHS[:2])
def test_an_odd_answer_makes_the_service_unavailable(
    kit: OllamaKit, ollama: Ollama, path: str, answer: str
) -> None:
    ollama.inject(ODD_ANSWERS[answer], path=path)

    seen = kit.service.overview(ADMIN)
    status = kit.service.status(ADMIN)

    assert seen.status == status
    assert not status.available
    assert status.error
    assert status.hint
    assert f"{status.error} {status.hint}".isprintable()
    assert (seen.models, seen.loaded) == ((), None)
    assert kit.service.fingerprint(ADMIN) == seen.fingerprint
    ollama.clear_faults()
    back = kit.service.overview(ADMIN)
    assert back.status.available
    assert back.fingerprint != seen.fingerprint


@pytest.mark.parametrize("answer", ODD_ANSWERS)
def test_a_service_that_does_not_tell_what_is_loaded_is_available(
    kit: OllamaKit, ollama: Ollama, answer: str
) -> None:
    ollama.inject(ODD_ANSWERS[answer], path="/api/ps")

    seen = kit.service.overview(ADMIN)

    assert seen.status.available
    assert seen.loaded is None
    assert [(model.name, model.loaded) for model in seen.models] == [("qwen3:8b", False)]
    assert kit.service.models(ADMIN) == seen.models
    with pytest.raises((OllamaUnavailable, TransferError)):
        kit.service.loaded(ADMIN)
    ollama.clear_faults()
    back = kit.service.overview(ADMIN)
    assert back.loaded == ()
    assert back.fingerprint != seen.fingerprint


@pytest.mark.parametrize("path", PATHS[:2])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("401", "refuses access (401)"),
        ("403", "refuses access (403)"),
        ("403 in JSON", "refuses access (403)"),
        ("403 without words", "refuses access (403)"),
        ("502", "does not reach Ollama (502)"),
        ("page", "is not Ollama"),
    ],
)
def test_what_stands_before_the_service_is_named(
    kit: OllamaKit, ollama: Ollama, path: str, answer: str, words: str
) -> None:
    ollama.inject(ODD_ANSWERS[answer], path=path)

    hint = kit.service.status(ADMIN).hint or ""

    assert words in hint
    assert "registry" not in hint


def test_a_failing_service_is_told_in_its_own_words(kit: OllamaKit, ollama: Ollama) -> None:
    ollama.inject(Answer(500, '{"error":"models: not found"}'), path="/api/tags")

    status = kit.service.status(ADMIN)

    assert (status.error, status.version) == ("models: not found", ollama.version)
    assert "registry" not in (status.hint or "")


def test_a_model_that_is_listed_twice_is_one(kit: OllamaKit, ollama: Ollama) -> None:
    listed = [{"model": "a:1", "size": 1, "modified_at": "9999-12-31T23:59:59-12:00"}] * 2
    ollama.inject(Answer(200, json.dumps({"models": listed})), path="/api/tags")

    [model] = kit.service.models(ADMIN)

    assert (model.name, model.modified_at) == ("a:1", None)


@EITHER
def test_an_address_below_the_services_is_not_the_service(
    kit: OllamaKit, ollama: AnyOllama
) -> None:
    there = kit.service.overview(ADMIN)
    kit.base_url = f"{ollama.base_url}/nothing"

    status = kit.service.status(ADMIN)

    assert there.status.available
    assert there.loaded == ()
    assert not status.available
    assert "says 404" in (status.hint or "")
