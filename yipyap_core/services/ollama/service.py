"""The Ollama service's affairs: is it there, what has it, what is it pulling."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yipyap_core.clients.ollama import OllamaChat, OllamaClient
from yipyap_core.clients.ollama_registry import OllamaRegistry
from yipyap_core.domain.ollama import (
    AssistantStatus,
    LoadedModel,
    OllamaDetails,
    OllamaModel,
    OllamaOverview,
    OllamaStatus,
    UpdateCheck,
    full_name,
    parse_address,
    parse_model_name,
    same_name,
)
from yipyap_core.domain.users import Principal
from yipyap_core.errors import Invalid, YipyapError
from yipyap_core.services.ollama.pulls import OllamaPulls
from yipyap_core.services.ollama.updates import OllamaUpdates

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
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """Ask `choice` at each call: address and assistant may change while running."""
        self.pulls = pulls
        self._choice = choice
        self._client = connector(choice)
        self._updates = OllamaUpdates(registry or OllamaRegistry(), clock)
        self._monotonic = monotonic
        self._seen: tuple[float, OllamaStatus] | None = None
        self._print: tuple[float, tuple[object, ...]] | None = None

    def status(self, principal: Principal) -> OllamaStatus:
        """Say whether the service answers; whatever it answers, this is a value and no error."""
        principal.require_admin()
        return self._look().status

    def recent_status(self, principal: Principal, max_age_seconds: float = 2.0) -> OllamaStatus:
        """Say what the last look saw if it is young enough, so that many readers ask once."""
        principal.require_admin()
        if self._seen and self._monotonic() - self._seen[0] <= max_age_seconds:
            return self._seen[1]
        return self.status(principal)

    def overview(self, principal: Principal) -> OllamaOverview:
        """Look at everything that a page shows; what cannot be seen is a value, too."""
        principal.require_admin()
        seen = self._look()
        if seen.status.available:
            loaded = self._loaded()
            models, checks = _marked(seen.models, loaded), self._updates.last(seen.models)
            seen = OllamaOverview(seen.status, models, loaded, checks)
        self._print = (self._monotonic(), seen.fingerprint)
        return seen

    def fingerprint(self, principal: Principal) -> tuple[object, ...]:
        """What a page depends on: the fingerprint of an overview of the last few seconds.

        Many pages ask the service once.
        """
        principal.require_admin()
        if self._print and self._monotonic() - self._print[0] <= FINGERPRINT_SECONDS:
            return self._print[1]
        return self.overview(principal).fingerprint

    def models(self, principal: Principal) -> tuple[OllamaModel, ...]:
        """List what is installed, by name; raises `OllamaUnavailable` and `TransferError`.

        A service that does not say what is loaded has nothing loaded.
        """
        principal.require_admin()
        found = _by_name(self._client().models())
        return _marked(found, self._loaded()) if found else ()

    def loaded(self, principal: Principal) -> tuple[LoadedModel, ...]:
        """List what is in the service's memory; raises `OllamaUnavailable` and `TransferError`."""
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

    def _look(self) -> OllamaOverview:
        """Ask whether the service is there and what it has installed."""
        seen = self._ask()
        before = self._seen[1].available if self._seen else True
        if seen.status.available != before:
            log.info("the Ollama service %s", "is away" if before else "is back")
        self._seen = (self._monotonic(), seen.status)
        if seen.status.available:
            self.pulls.go_on()
        return seen

    def _ask(self) -> OllamaOverview:
        choice, version = self._choice(), None
        try:
            client = self._client()
            version = client.version()
            models = _by_name(client.models())
        except YipyapError as error:
            return OllamaOverview(_away(choice, version, error))
        assistant = _assistant(choice.assistant_model, [model.name for model in models])
        status = OllamaStatus(True, client.address.base_url, version, None, assistant)
        return OllamaOverview(status, models)

    def _loaded(self) -> tuple[LoadedModel, ...] | None:
        try:
            return tuple(self._client().loaded())
        except YipyapError:
            return None


def _by_name(models: Iterable[OllamaModel]) -> tuple[OllamaModel, ...]:
    return tuple(sorted(models, key=lambda model: model.name))


def _marked(
    models: Iterable[OllamaModel], loaded: Iterable[LoadedModel] | None
) -> tuple[OllamaModel, ...]:
    """The models with what is known of the memory."""
    names = {full_name(model.name) for model in loaded or ()}
    return tuple(
        dataclasses.replace(model, loaded=full_name(model.name) in names) for model in models
    )


def _assistant(model: str, installed: list[str]) -> AssistantStatus:
    if any(same_name(model, name) for name in installed):
        return AssistantStatus(model, True)
    return AssistantStatus(model, False, f"The model {model} is not installed; pull it first.")


def _away(choice: OllamaChoice, version: str | None, error: YipyapError) -> OllamaStatus:
    try:
        shown = parse_address(choice.base_url).base_url
    except Invalid:
        shown = ""
    assistant = AssistantStatus(choice.assistant_model, False, "The service does not answer.")
    return OllamaStatus(False, shown, version, error.message, assistant, error.hint)
