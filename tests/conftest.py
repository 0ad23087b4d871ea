"""What holds for every test: a clean environment, and no network but loopback."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.standins.fixtures", "tests.browser"]

settings.register_profile(
    "suite",
    deadline=None,  # the machine is shared: a slow example is no failure
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("suite")

PRODUCT_VARIABLES = ("YIPYAP_", "HF_", "HUGGING", "OLLAMA_", "DISABLE_MODEL_", "TRANSFORMERS_")

ONE_WORKER_A_FILE = ("test_engines", "test_standins", "test_recovery")
"""Folders whose files share costly fixtures: a file's tests stay on one worker of the run."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a costly file together, so that its fixtures are made once."""
    for item in items:
        if item.path.parent.name in ONE_WORKER_A_FILE:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def _is_outside(address: object) -> bool:
    if not isinstance(address, tuple) or not address:
        return False  # a Unix socket
    host = str(address[0]).split("%")[0]
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host not in {"localhost", ""}


def _refuse_outside(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _is_outside(arguments[1]):
        raise PermissionError(f"a test tried to reach {arguments[1]!r}; only loopback is allowed")


sys.addaudithook(_refuse_outside)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Give each test an empty home: nothing of the machine leaks in, nothing leaks out."""
    for name in list(os.environ):
        if name.startswith(PRODUCT_VARIABLES) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("YIPYAP_HOME", str(tmp_path / "yipyap"))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setenv("YIPYAP_ENGINE_CANARY", "0")  # few of the tests' models can be run
    yield
