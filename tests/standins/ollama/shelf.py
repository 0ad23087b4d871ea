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


class Shelf:
    """The models by name; every method may be called from any thread."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._published: dict[str, OllamaModel] = {}
        self._installed: dict[str, Installed] = {}
        self._loaded: dict[str, datetime] = {}
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
            self._loaded.pop(name, None)
            kept = [there.model for there in self._installed.values()]
        self.blobs.keep_only({layer.digest for model in kept for layer in model.layers})

    def use(self, name: str, keep_alive: timedelta) -> None:
        """Have a model in memory for a while; for no time at all unloads it."""
        with self._lock:
            self._loaded[name] = datetime.now(UTC) + keep_alive

    def loaded(self) -> list[str]:
        """The models in memory now."""
        moment = datetime.now(UTC)
        with self._lock:
            return [name for name, until in self._loaded.items() if until > moment]

    def tags(self) -> list[dict[str, Any]]:
        """The models on the server as `/api/tags` lists them."""
        with self._lock:
            there = dict(self._installed)
        return [
            {**_summary(name, each.model), "modified_at": timestamp(each.modified_at)}
            for name, each in there.items()
        ]

    def running(self) -> list[dict[str, Any]]:
        """The models in memory as `/api/ps` lists them."""
        there = self.installed()
        return [
            {
                **_summary(name, there[name]),
                "expires_at": timestamp(self._loaded[name]),
                "size_vram": there[name].size_bytes,
                "context_length": 4096,
            }
            for name in self.loaded()
            if name in there
        ]


def _summary(name: str, model: OllamaModel) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "size": model.total_bytes,
        "digest": model.digest,
        "details": model.details(),
    }
