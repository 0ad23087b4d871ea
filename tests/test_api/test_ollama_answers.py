"""The endpoints of Ollama while what answers there answers oddly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.standins.ollama import Ollama, OllamaModel
from tests.test_api.world import World, open_world
from tests.test_services.odd_answers import ODD_ANSWERS, PATHS


@pytest.fixture
def empty_world(ollama: Ollama, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("OLLAMA_HOST", ollama.base_url)
    ollama.install(OllamaModel("llama2:7b"))
    with open_world() as world:
        yield world


@pytest.mark.parametrize("path", PATHS)
def test_status_is_200_whatever_is_answered(ada: TestClient, ollama: Ollama, path: str) -> None:
    for name, fault in ODD_ANSWERS.items():
        ollama.inject(fault, path=path)
        status, models = ada.get("/ollama/status"), ada.get("/ollama/models")
        loaded = ada.get("/ollama/ps")
        ollama.clear_faults()

        assert status.status_code == 200, name
        assert status.json()["available"] is (path == "/api/ps"), name
        assert bool(status.json()["error"]) is (path != "/api/ps"), name
        assert (models.status_code in {502, 503}) is (path == "/api/tags"), name
        assert (loaded.status_code in {502, 503}) is (path == "/api/ps"), name
