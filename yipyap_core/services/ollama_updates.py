"""Which installed Ollama models the registry has anew: digests compared, nothing pulled."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from yipyap_core.clients.ollama_registry import OllamaRegistry
from yipyap_core.domain.ollama import Freshness, OllamaModel, UpdateCheck
from yipyap_core.errors import NotFound, Unavailable

AT_A_TIME = 4


class OllamaUpdates:
    """Asks the registry about each model, a few at a time."""

    def __init__(self, registry: OllamaRegistry) -> None:
        """Name the registry; nothing is asked yet."""
        self._registry = registry

    def check(self, models: Iterable[OllamaModel]) -> tuple[UpdateCheck, ...]:
        """Compare each; what cannot be compared says why."""
        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="ollama-updates") as pool:
            return tuple(pool.map(self._check, models))

    def _check(self, model: OllamaModel) -> UpdateCheck:
        try:
            manifest = self._registry.manifest(model.name)
        except (NotFound, Unavailable) as error:
            return UpdateCheck(model.name, Freshness.UNKNOWN, reason=error.message)
        same = model.digest in manifest.digests
        state = Freshness.CURRENT if same else Freshness.OUTDATED
        return UpdateCheck(model.name, state, manifest.size_bytes)
