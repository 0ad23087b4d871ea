"""A real Ollama server with a registry of ours, in the shape of the stand-in."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.standins.ollama.faults import (
    OllamaFault,
    OllamaRule,
    PullStall,
    RegistryCut,
    RegistryFailure,
    WrongBytes,
)
from tests.standins.ollama.models import REGISTRY_HOST, OllamaModel, full_name
from tests.standins.ollama.tiny import ANSWER
from tests.standins.real_ollama.certificate import write_certificate
from tests.standins.real_ollama.gate import Gate
from tests.standins.real_ollama.program import OllamaProgram
from tests.standins.real_ollama.registry import HOSTS, ModelRegistry
from tests.standins.waiting import wait_until

FAULTS = (PullStall, RegistryCut, RegistryFailure, WrongBytes)
"""What can go wrong with it: everything that the registry can bring about."""


class RealOllama:
    """The program on loopback: `with RealOllama(path, folder) as ollama: ollama.publish(...)`."""

    def __init__(self, path: str, folder: Path) -> None:
        """Prepare registry and way out; `start` or a with statement begins to serve."""
        certificate = folder / "registry.pem"
        write_certificate(certificate, HOSTS)
        self._registry = ModelRegistry()
        self._gate = Gate(HOSTS, ("127.0.0.1", self._registry.server.port), certificate)
        self._program = OllamaProgram(path, folder, _free_port(), self._gate, certificate)

    def __enter__(self) -> RealOllama:
        """Start serving, with the small layers that all models share: each costs a second."""
        self._registry.server.start()
        self._put_layers(OllamaModel("any", size_bytes=0), ("template", "license", "params"))
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop for good."""
        self.clear_faults()
        self._program.stop(signal.SIGKILL)
        self._gate.close()
        self._registry.server.stop()

    @property
    def base_url(self) -> str:
        """The server's address."""
        return self._program.url

    @property
    def registry_url(self) -> str:
        """The registry's address, without TLS."""
        return self._registry.server.url

    @property
    def version(self) -> str:
        """What it says of itself."""
        return str(self._ask("version")["version"])

    @property
    def installed(self) -> list[str]:
        """The names of the models on the server."""
        return [model["name"] for model in self._ask("tags")["models"]]

    @property
    def loaded(self) -> list[str]:
        """The models in memory now."""
        return [model["name"] for model in self._ask("ps")["models"]]

    def start(self) -> None:
        """Serve, at the same address as before."""
        self._program.start()

    def stop(self) -> None:
        """Be away until `start`."""
        self._program.stop()

    def crash(self) -> None:
        """Be killed."""
        self._program.stop(signal.SIGKILL)

    def publish(self, *models: OllamaModel) -> None:
        """Put models into the registry, in place of those of the same name."""
        for model in models:
            self._registry.publish(model)

    def install(self, *models: OllamaModel) -> None:
        """Put models into the server's folder, and into the registry where it lacks them."""
        for model in models:
            if self._registry.published(full_name(model.name)) is None:
                self.publish(model)
            self._put_layers(model)
            _put(self._program.models / "manifests" / _place(model.name), model.manifest)

    def pace(self, bytes_per_second: float | None) -> None:
        """Let the registry take its time, or none."""
        self._registry.bytes_per_second = bytes_per_second

    def inject(
        self,
        fault: OllamaFault,
        *,
        path: str | None = None,
        model: str | None = None,
        count: int | None = None,
    ) -> OllamaRule:
        """Let the registry fail for a model, `count` times or always."""
        assert isinstance(fault, FAULTS), f"only the stand-in knows {fault}"
        name = full_name(model) if model else None
        return self._registry.faults.add(fault, path=path, model=name, count=count)

    def clear_faults(self) -> None:
        """Take all faults out of force and end their waits."""
        self._registry.faults.clear()

    def pulled_bytes(self, name: str) -> int:
        """How much of a published model is on the server, whole or in part."""
        model = self._registry.published(full_name(name))
        return sum(self._bytes_of(layer.digest) for layer in model.layers) if model else 0

    def pulls(self, name: str) -> int:
        """How often a model was pulled or begun to be."""
        return self._registry.asked(name)

    def answer(self, question: str) -> str:  # noqa: ARG002 - the tiny model says the same to all
        """What the tiny model says."""
        return ANSWER

    def kill_runner(self) -> None:
        """Kill the processes that answer."""
        self._program.kill_runners()

    def is_pulling(self) -> bool:
        """Whether anything is on its way from the registry."""
        return self._registry.transfers > 0

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float = 20.0) -> None:
        """Wait until `condition` holds, or raise `TimeoutError`."""
        wait_until(condition, timeout_seconds=timeout_seconds, last=self._program.log_lines)

    def _ask(self, what: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.base_url}/api/{what}", trust_env=False)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def _put_layers(self, model: OllamaModel, kinds: tuple[str, ...] = ("",)) -> None:
        for layer in model.layers:
            if layer.media_type.endswith(kinds):
                _put(self._blob(layer.digest), model.content(layer.digest))

    def _blob(self, digest: str) -> Path:
        return self._program.models / "blobs" / digest.replace(":", "-")

    def _bytes_of(self, digest: str) -> int:
        whole = self._blob(digest)
        if whole.exists():
            return whole.stat().st_size
        parts = whole.parent.glob(f"{whole.name}-partial-*")
        return sum(json.loads(part.read_text())["Completed"] for part in parts)


def _place(name: str) -> str:
    """Where a model's manifest is, below the folder of manifests."""
    path, _, tag = full_name(name).rpartition(":")
    missing = [REGISTRY_HOST, "library"][: 2 - path.count("/")]
    return "/".join([*missing, path, tag])


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
