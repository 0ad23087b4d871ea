"""Fixtures of the stand-ins; `pytest_plugins = ["tests.standins.fixtures"]` loads them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.standins.either import STAND_IN
from tests.standins.hub import Hub, RemoteHub
from tests.standins.ollama import AnyOllama, Ollama
from tests.standins.real_ollama import RealOllama


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub in this process, empty, on ports of its own."""
    with Hub() as running:
        yield running


@pytest.fixture
def remote_hub() -> Iterator[RemoteHub]:
    """A hub in a process of its own, empty, for tests that kill and benchmarks."""
    with RemoteHub.launch() as running:
        yield running


@pytest.fixture
def ollama(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AnyOllama]:
    """An Ollama server without models, on ports of its own: the stand-in, or as `EITHER` says."""
    path = getattr(request, "param", STAND_IN)
    if path == STAND_IN:
        with Ollama() as running:
            yield running
    else:
        with RealOllama(path, tmp_path_factory.mktemp("ollama")) as real:
            yield real
