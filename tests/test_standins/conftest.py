"""The real client of the hub in a long-lived process: importing it takes most of a second."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.standins.hub import Hub

_WORKER = """
import json, sys, warnings
warnings.simplefilter("ignore")
import huggingface_hub
from huggingface_hub import *
from huggingface_hub.errors import *
for line in sys.stdin:
    task = json.loads(line)
    names = {**globals(), **task["names"]}
    try:
        exec(task["code"], names)
        answer = {"result": names.get("result")}
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        answer = {"kinds": kinds, "message": str(error)}
    print("=" + json.dumps(answer), flush=True)
"""


@dataclass(frozen=True, slots=True)
class ClientError(Exception):
    """What the real client raised: the names of its classes and its message."""

    kinds: tuple[str, ...]
    message: str


class RealClient:
    """Runs snippets in a process that has huggingface_hub imported and uses the hub."""

    def __init__(self, hub: Hub, home: Path) -> None:
        environment = {
            **os.environ,
            **hub.environment(home),
            "HF_HUB_DOWNLOAD_TIMEOUT": "1",
            "PYTHONWARNINGS": "ignore",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.environment = environment

    def run(self, code: str, **names: Any) -> Any:
        """The value of `result` after `code`, in which `names` are bound.

        Raises:
            ClientError: the code raised.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"code": code, "names": names}) + "\n")
        self._process.stdin.flush()
        line = "."
        while line and not line.startswith("="):
            line = self._process.stdout.readline()
        answer = json.loads(line[1:])
        if "kinds" in answer:
            raise ClientError(tuple(answer["kinds"]), answer["message"])
        return answer.get("result")

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=20)


@pytest.fixture(scope="module")
def shared_hub() -> Iterator[Hub]:
    """One hub for a file of tests, whose client is bound to its address."""
    with Hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def shared_client(
    shared_hub: Hub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealClient]:
    """The real client, bound to the shared hub."""
    client = RealClient(shared_hub, tmp_path_factory.mktemp("hf"))
    yield client
    client.close()


@pytest.fixture
def client(shared_client: RealClient) -> RealClient:
    """The real client; its cache is chosen by each test."""
    return shared_client


@pytest.fixture
def hub(shared_hub: Hub) -> Iterator[Hub]:
    """The shared hub with no fault, no log, and settings as they were born."""
    shared_hub.forget_requests()
    yield shared_hub
    shared_hub.clear_faults()
    shared_hub.configure(
        latency_seconds=0.0,
        connection_bps=None,
        server_bps=None,
        signature_seconds=3600.0,
        tree_page_size=1000,
        resolve_cache=False,
    )
