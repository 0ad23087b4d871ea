"""Which installed Ollama models the registry has anew: digests compared, nothing pulled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from yipyap_core.clients.ollama_registry import OllamaRegistry
from yipyap_core.domain.ollama import Freshness, OllamaModel, UpdateCheck
from yipyap_core.errors import NotFound, Unavailable

AT_A_TIME = 4


class OllamaUpdates:
    """Asks the registry about each model, a few at a time, and keeps what it found."""

    def __init__(self, registry: OllamaRegistry, clock: Callable[[], dt.datetime]) -> None:
        """Name the registry; nothing is asked yet."""
        self._registry = registry
        self._clock = clock
        self._last: dict[str, UpdateCheck] = {}

    def check(self, models: Iterable[OllamaModel]) -> tuple[UpdateCheck, ...]:
        """Compare each; what cannot be compared says why."""
        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="ollama-updates") as pool:
            checks = tuple(pool.map(self._check, models))
        self._last = {check.name: check for check in checks}
        return checks

    def last(self, models: Iterable[OllamaModel]) -> tuple[UpdateCheck, ...]:
        """What was found of these models, as far as they are still what was compared."""
        found = ((model, self._last.get(model.name)) for model in models)
        return tuple(check for model, check in found if check and check.digest == model.digest)

    def _check(self, model: OllamaModel) -> UpdateCheck:
        try:
            manifest = self._registry.manifest(model.name)
        except (NotFound, Unavailable) as error:
            return self._found(model, Freshness.UNKNOWN, reason=error.message)
        same = model.digest in manifest.digests
        state = Freshness.CURRENT if same else Freshness.OUTDATED
        return self._found(model, state, size_bytes=manifest.size_bytes)

    def _found(
        self,
        model: OllamaModel,
        state: Freshness,
        *,
        size_bytes: int | None = None,
        reason: str | None = None,
    ) -> UpdateCheck:
        return UpdateCheck(model.name, model.digest, state, self._clock(), size_bytes, reason)
