"""What the registry offers, what the server has on disk, and what it has in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.standins.ollama.models import OllamaModel, full_name
from tests.standins.ollama.pulls import BlobStore
from tests.standins.ollama.talk import timestamp


@dataclass(frozen=True, slots=True)
class Installed:
    """A model on the server's disk."""

    model: OllamaModel
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in the server's memory, where it stays when it is deleted from the disk."""

    model: OllamaModel
    until: datetime


class Shelf:
    """The models by name; every method may be called from any thread."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._published: dict[str, OllamaModel] = {}
        self._installed: dict[str, Installed] = {}
        self._loaded: dict[str, Loaded] = {}
        self.blobs = BlobStore()

    def publish(self, model: OllamaModel) -> None:
        """Offer a model in the registry."""
        with self._lock:
            self._published[full_name(model.name)] = model

    def published(self, name: str) -> OllamaModel | None:
        """The registry's model of a full name."""
        return self._published.get(name)

    def put(self, model: OllamaModel) -> None:
        """Have a model on the server, as after a pull."""
        with self._lock:
            self._published.setdefault(full_name(model.name), model)
            self._installed[full_name(model.name)] = Installed(model, datetime.now(UTC))
        for layer in model.layers:
            self.blobs.add(layer, layer.size_bytes)

    def installed(self) -> dict[str, OllamaModel]:
        """The models on the server."""
        with self._lock:
            return {name: there.model for name, there in self._installed.items()}

    def delete(self, name: str) -> None:
        """Take a model off the server, with the layers that nothing else needs."""
        with self._lock:
            del self._installed[name]
            kept = [there.model for there in self._installed.values()]
        self.blobs.keep_only({layer.digest for model in kept for layer in model.layers})

    def use(self, name: str, keep_alive: timedelta) -> None:
        """Have an installed model in memory for a while; for no time at all unloads it."""
        with self._lock:
            model = self._installed[name].model
            self._loaded[name] = Loaded(model, datetime.now(UTC) + keep_alive)

    def loaded(self) -> list[str]:
        """The models in memory now, the one that stays longest first."""
        return [name for name, _ in self._in_memory()]

    def tags(self) -> list[dict[str, Any]]:
        """The models on the server as `/api/tags` lists them, the latest first."""
        with self._lock:
            there = list(self._installed.items())
        there.sort(key=lambda each: int(each[1].modified_at.timestamp()), reverse=True)
        return [
            {**_summary(name, each.model), "modified_at": timestamp(each.modified_at)}
            for name, each in there
        ]

    def running(self) -> list[dict[str, Any]]:
        """The models in memory as `/api/ps` lists them; the size is that in memory."""
        return [
            {
                **_summary(name, each.model),
                "size": each.model.size_bytes,
                "size_vram": each.model.size_bytes,
                "expires_at": timestamp(each.until),
                "context_length": 4096,
            }
            for name, each in self._in_memory()
        ]

    def spelled(self, name: str) -> str:
        """The name as an installed model has it, whatever the case of its letters."""
        there = {each.casefold(): each for each in self.installed()}
        return there.get(name.casefold(), name)

    def _in_memory(self) -> list[tuple[str, Loaded]]:
        moment = datetime.now(UTC)
        with self._lock:
            found = [(name, each) for name, each in self._loaded.items() if each.until > moment]
        return sorted(found, key=lambda each: each[1].until, reverse=True)


def _summary(name: str, model: OllamaModel) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "size": model.total_bytes,
        "digest": model.digest,
        "details": model.details(),
    }
