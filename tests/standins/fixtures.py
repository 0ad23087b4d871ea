"""Fixtures of the stand-ins; `pytest_plugins = ["tests.standins.fixtures"]` loads them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.standins.hub import Hub, RemoteHub
from tests.standins.ollama import Ollama


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
def ollama() -> Iterator[Ollama]:
    """An Ollama server in this process, without models, on ports of its own."""
    with Ollama() as running:
        yield running
