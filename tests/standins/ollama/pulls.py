"""What a pull says, line by line, and what it leaves behind when it ends early."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.standins.connections import Connection, ConnectionEnded
from tests.standins.ollama.faults import (
    OllamaRule,
    PullCut,
    PullError,
    PullLines,
    PullStall,
    RegistryCut,
    RegistryFailure,
    WrongBytes,
)
from tests.standins.ollama.models import Layer, OllamaModel

STEPS_A_LAYER = 4


class PullFailed(Exception):
    """The pull ends with an error of the server's own words."""


class BlobStore:
    """Which layers the server has, whole or in part; parts outlive the pull that began them."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._bytes: dict[str, int] = {}
        self._sizes: dict[str, int] = {}

    def has(self, layer: Layer) -> bool:
        """Whether the whole layer is there."""
        return self.bytes_of(layer) >= layer.size_bytes

    def bytes_of(self, layer: Layer) -> int:
        """How much of a layer is there."""
        return self._bytes.get(layer.digest, 0)

    def add(self, layer: Layer, count: int) -> None:
        """Let more of a layer arrive, never more than it has."""
        with self._lock:
            self._sizes[layer.digest] = layer.size_bytes
            arrived = self._bytes.get(layer.digest, 0) + count
            self._bytes[layer.digest] = min(layer.size_bytes, arrived)

    def keep_only(self, digests: set[str]) -> None:
        """Forget every layer that is not among `digests`."""
        with self._lock:
            self._bytes = {digest: n for digest, n in self._bytes.items() if digest in digests}

    def forget_parts(self) -> None:
        """Forget every layer that is not wholly there."""
        with self._lock:
            whole = {digest: n for digest, n in self._bytes.items() if n == self._sizes[digest]}
            self._bytes = whole

    def forget(self, layer: Layer) -> None:
        """Forget one layer."""
        with self._lock:
            self._bytes.pop(layer.digest, None)


def manifest_lines(model: OllamaModel | None, rule: OllamaRule | None) -> Iterator[bytes]:
    """What a pull says before it knows the layers.

    Raises:
        PullFailed: the registry has no such model, or fails.
    """
    yield line({"status": "pulling manifest"})
    if rule is not None and isinstance(rule.fault, RegistryFailure):
        raise PullFailed(f"pull model manifest: {rule.fault.status}: {rule.fault.body}")
    if model is None:
        raise PullFailed("pull model manifest: file does not exist")


class Pull:
    """One pull over one connection: yields lines while bytes arrive in the store."""

    def __init__(
        self,
        model: OllamaModel,
        blobs: BlobStore,
        connection: Connection,
        *,
        pace: Callable[[], float | None],
        progress_seconds: float,
        rule: OllamaRule | None,
    ) -> None:
        """Pull `model` into `blobs`, with a fault on the way perhaps.

        `pace` gives the bytes a second of this moment; None: as fast as it goes.
        """
        self._model = model
        self._blobs = blobs
        self._connection = connection
        self._pace = pace
        self._tick_seconds = progress_seconds
        self._rule = rule

    def lines(self) -> Iterator[bytes]:
        """The lines of the stream; what arrived stays in the store however it ends.

        Raises:
            PullFailed: with the server's words.
            ConnectionEnded: the line was cut, or the client left.
        """
        yield from self._struck()
        for layer in self._model.layers:
            yield from self._layer_lines(layer)
        yield line({"status": "verifying sha256 digest"})
        self._verify()
        yield line({"status": "writing manifest"})

    def _verify(self) -> None:
        if self._rule is not None and isinstance(self._rule.fault, WrongBytes):
            wrong = max(self._model.layers, key=lambda layer: layer.size_bytes)
            self._blobs.forget(wrong)
            words = "digest mismatch, file must be downloaded again"
            raise PullFailed(f"{words}: want {wrong.digest}, got sha256:{'0' * 64}")

    def _layer_lines(self, layer: Layer) -> Iterator[bytes]:
        yield line(self._progress(layer))
        while not self._blobs.has(layer):
            self._connection.wait(self._tick_seconds if self._pace() else 0)
            self._blobs.add(layer, self._step_bytes(layer))
            yield line(self._progress(layer))
            yield from self._struck()

    def _step_bytes(self, layer: Layer) -> int:
        rate = self._pace()
        if rate is None:
            return max(1, layer.size_bytes // STEPS_A_LAYER)
        return max(1, int(rate * self._tick_seconds))

    def _progress(self, layer: Layer) -> dict[str, Any]:
        short = layer.digest.removeprefix("sha256:")[:12]
        told: dict[str, Any] = {
            "status": f"pulling {short}",
            "digest": layer.digest,
            "total": layer.size_bytes,
        }
        completed = self._blobs.bytes_of(layer)
        return {**told, "completed": completed} if completed else told

    def _struck(self) -> Iterator[bytes]:
        if self._rule is None:
            return
        arrived = sum(self._blobs.bytes_of(layer) for layer in self._model.layers)
        match self._rule.fault:
            case PullError(message, after) if arrived >= after:
                raise PullFailed(message)
            case PullCut(after) if arrived >= after:
                raise ConnectionEnded
            case PullStall(after) if arrived >= after:
                self._connection.wait(None, self._rule.release)
            case RegistryCut(after, pause_seconds) if arrived >= after:
                self._rule = None
                self._connection.wait(pause_seconds)
            case PullLines(lines, after) if arrived >= after:
                self._rule = None
                yield from (line(told) for told in lines)


def line(told: Mapping[str, Any] | str) -> bytes:
    """One line of newline-delimited JSON."""
    text = told if isinstance(told, str) else json.dumps(told, separators=(",", ":"))
    return text.encode() + b"\n"
