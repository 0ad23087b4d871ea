"""The Ollama service's affairs: is it there, what has it, what is it pulling."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yipyap_core.clients.ollama import OllamaChat, OllamaClient
from yipyap_core.clients.ollama_registry import OllamaRegistry
from yipyap_core.domain.ollama import (
    AssistantStatus,
    LoadedModel,
    OllamaDetails,
    OllamaModel,
    OllamaStatus,
    UpdateCheck,
    full_name,
    parse_address,
    parse_model_name,
    same_name,
)
from yipyap_core.domain.users import Principal
from yipyap_core.errors import Invalid, OllamaUnavailable
from yipyap_core.services.ollama_pulls import OllamaPulls
from yipyap_core.services.ollama_updates import OllamaUpdates

__all__ = ["OllamaChat", "OllamaChoice", "OllamaService", "connector"]
log = logging.getLogger(__name__)
FINGERPRINT_SECONDS = 3.0
"""How old the fingerprint of the service may be."""


@dataclass(frozen=True, slots=True)
class OllamaChoice:
    """Where the service is and which model the assistant uses, as configured at this moment."""

    base_url: str
    assistant_model: str


def connector(choice: Callable[[], OllamaChoice]) -> Callable[[], OllamaClient]:
    """Make what opens a client of the service as it is configured at that moment."""
    return lambda: OllamaClient(parse_address(choice().base_url))


class OllamaService:
    """Use cases of the Ollama page and endpoints; `pulls` has those of pulling."""

    def __init__(
        self,
        *,
        choice: Callable[[], OllamaChoice],
        pulls: OllamaPulls,
        registry: OllamaRegistry | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask `choice` at each call: address and assistant may change while running."""
        self.pulls = pulls
        self._choice = choice
        self._client = connector(choice)
        self._updates = OllamaUpdates(registry or OllamaRegistry())
        self._monotonic = monotonic
        self._seen: tuple[float, OllamaStatus] | None = None
        self._print: tuple[float, tuple[object, ...]] | None = None

    def status(self, principal: Principal) -> OllamaStatus:
        """Say whether the service answers; an absent service is a value, not an error."""
        principal.require_admin()
        status = self._look()
        before = self._seen[1].available if self._seen else True
        if status.available != before:
            log.info("the Ollama service %s", "is back" if status.available else "is away")
        self._seen = (self._monotonic(), status)
        return status

    def recent_status(self, principal: Principal, max_age_seconds: float = 2.0) -> OllamaStatus:
        """Say what the last look saw if it is young enough, so that many readers ask once."""
        principal.require_admin()
        if self._seen and self._monotonic() - self._seen[0] <= max_age_seconds:
            return self._seen[1]
        return self.status(principal)

    def fingerprint(self, principal: Principal) -> tuple[object, ...]:
        """What a page depends on: it differs when the service goes, comes or has other models.

        Answers from the last few seconds, so that many pages ask the service once.
        """
        principal.require_admin()
        now = self._monotonic()
        if self._print is None or now - self._print[0] > FINGERPRINT_SECONDS:
            self._print = (now, self._fingerprint())
        return self._print[1]

    def models(self, principal: Principal) -> tuple[OllamaModel, ...]:
        """List what is installed, by name; raises `OllamaUnavailable`."""
        principal.require_admin()
        client = self._client()
        found = client.models()
        loaded = {full_name(model.name) for model in client.loaded()} if found else set()
        marked = (
            dataclasses.replace(model, loaded=full_name(model.name) in loaded) for model in found
        )
        return tuple(sorted(marked, key=lambda model: model.name))

    def loaded(self, principal: Principal) -> tuple[LoadedModel, ...]:
        """List what is in the service's memory; raises `OllamaUnavailable`."""
        principal.require_admin()
        return tuple(self._client().loaded())

    def show(self, principal: Principal, name: str) -> OllamaDetails:
        """Say everything about one installed model; raises `NotFound`."""
        principal.require_admin()
        return self._client().show(parse_model_name(name))

    def delete(self, principal: Principal, name: str) -> None:
        """Remove a model there, from its memory too; raises `NotFound`."""
        principal.require_admin()
        self._client().delete(parse_model_name(name))

    def unload(self, principal: Principal, name: str) -> bool:
        """Give the memory of a loaded model back; raises `NotFound`.

        Says whether it is back already; a model that is answering ends its answer first.
        """
        principal.require_admin()
        return self._client().unload(parse_model_name(name))

    def chat(
        self,
        principal: Principal,
        name: str,
        messages: Sequence[Mapping[str, str]],
        options: Mapping[str, Any] | None = None,
    ) -> OllamaChat:
        """Let a model answer, piece by piece; `stop` of the result ends its work.

        Raises `InvalidName` at once; `NotFound` and `OllamaUnavailable` with the first piece.
        """
        principal.require_admin()
        return self._client().chat(parse_model_name(name), messages, options or {})

    def updates(self, principal: Principal) -> tuple[UpdateCheck, ...]:
        """Compare the installed models with the registry's, without pulling anything."""
        principal.require_admin()
        return self._updates.check(self.models(principal))

    def _fingerprint(self) -> tuple[object, ...]:
        try:
            client = self._client()
            found = [(model.name, model.digest) for model in client.models()]
            loaded = [model.name for model in client.loaded()]
        except (OllamaUnavailable, Invalid):
            return (False,)
        return (True, *sorted(found), *sorted(loaded))

    def _look(self) -> OllamaStatus:
        choice = self._choice()
        try:
            client = self._client()
            version = client.version()
            names = [model.name for model in client.models()]
        except (OllamaUnavailable, Invalid) as error:
            return _away(choice, error)
        assistant = _assistant(choice.assistant_model, names)
        return OllamaStatus(True, client.address.base_url, version, None, assistant)


def _assistant(model: str, installed: list[str]) -> AssistantStatus:
    if any(same_name(model, name) for name in installed):
        return AssistantStatus(model, True)
    return AssistantStatus(model, False, f"The model {model} is not installed; pull it first.")


def _away(choice: OllamaChoice, error: OllamaUnavailable | Invalid) -> OllamaStatus:
    try:
        shown = parse_address(choice.base_url).base_url
    except Invalid:
        shown = ""
    assistant = AssistantStatus(choice.assistant_model, False, "The service does not answer.")
    return OllamaStatus(False, shown, None, error.message, assistant, error.hint)
