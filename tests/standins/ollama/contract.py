"""What a test may ask of an Ollama server, be it the stand-in or the program itself."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from tests.standins.ollama.faults import OllamaFault, OllamaRule
from tests.standins.ollama.models import OllamaModel


class AnyOllama(Protocol):
    """A server with its registry; `faults` says which faults both know."""

    @property
    def base_url(self) -> str:
        """The server's address, for `OLLAMA_BASE_URL`."""

    @property
    def registry_url(self) -> str:
        """The registry's address."""

    @property
    def installed(self) -> Collection[str]:
        """The names of the models on the server."""

    @property
    def loaded(self) -> list[str]:
        """The models in memory now."""

    @property
    def version(self) -> str:
        """What it says of itself."""

    def publish(self, *models: OllamaModel) -> None:
        """Put models into the registry, in place of those of the same name."""

    def install(self, *models: OllamaModel) -> None:
        """Put models onto the server, and into the registry where it lacks them."""

    def pace(self, bytes_per_second: float | None) -> None:
        """Let pulls take their time, or none, from the next request on."""

    def inject(
        self,
        fault: OllamaFault,
        *,
        path: str | None = None,
        model: str | None = None,
        count: int | None = None,
    ) -> OllamaRule:
        """Let a fault strike pulls of a model, `count` times or always."""

    def clear_faults(self) -> None:
        """Take all faults out of force and end their waits."""

    def pulled_bytes(self, name: str) -> int:
        """How much of a published model is on the server, whole or in part."""

    def pulls(self, name: str) -> int:
        """How often a model was pulled or begun to be."""

    def answer(self, question: str) -> str:
        """What its models say to a question."""

    def kill_runner(self) -> None:
        """Kill what is answering, in the middle of an answer."""

    def is_pulling(self) -> bool:
        """Whether anything is on its way from the registry."""

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float = 20.0) -> None:
        """Wait until `condition` holds, or raise `TimeoutError`."""

    def start(self) -> None:
        """Serve, after `stop` at the same address."""

    def stop(self) -> None:
        """Be away until `start`; the layers that were whole stay, and pieces of others perhaps."""

    def crash(self) -> None:
        """Be away at once, as after a kill, until `start`; only whole layers stay."""
