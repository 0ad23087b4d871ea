"""Models of the stand-in: layers with digests and sizes, a manifest, and what it is known for.

A pull happens inside the server, so no layer has bytes; its digest follows from its name.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_MEDIA = "application/vnd.ollama.image."
REGISTRY_HOST = "registry.ollama.ai"


@dataclass(frozen=True, slots=True)
class Layer:
    """One blob of a model."""

    media_type: str
    digest: str
    size_bytes: int

    def as_json(self) -> dict[str, Any]:
        """The layer as a manifest lists it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size_bytes}


@dataclass(frozen=True)
class OllamaModel:
    """A model of the registry: weights of `size_bytes`, and small layers around them.

    `edition` makes another model of the same name, as when its publisher renews it.
    `weight_layers` splits the weights into several layers.
    """

    name: str
    size_bytes: int = 4_000_000
    family: str = "llama"
    parameter_size: str = "7B"
    quantization: str = "Q4_K_M"
    capabilities: tuple[str, ...] = ("completion",)
    weight_layers: int = 1
    edition: int = 1

    @functools.cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers in the order in which a pull fetches them, the configuration last."""
        share = self.size_bytes // self.weight_layers
        weights = [self._layer("model", share, number) for number in range(self.weight_layers)]
        small = [self._layer("template", 1_482), self._layer("license", 12_403)]
        config = Layer(
            "application/vnd.docker.container.image.v1+json", self._digest("config"), 487
        )
        return (*weights, *small, self._layer("params", 96), config)

    def _layer(self, kind: str, size_bytes: int, number: int = 0) -> Layer:
        return Layer(_MEDIA + kind, self._digest(f"{kind}{number}"), size_bytes)

    def _digest(self, part: str) -> str:
        identity = f"{self.name} {part} {self.edition}"
        return "sha256:" + hashlib.sha256(identity.encode()).hexdigest()

    @functools.cached_property
    def manifest(self) -> bytes:
        """The manifest as the registry serves it and the server stores it."""
        *layers, config = self.layers
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        document = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": config.as_json(),
            "layers": [layer.as_json() for layer in layers],
        }
        return json.dumps(document, separators=(",", ":")).encode()

    @property
    def digest(self) -> str:
        """The model's id: the hash of its manifest, without a prefix."""
        return hashlib.sha256(self.manifest).hexdigest()

    @property
    def total_bytes(self) -> int:
        """What all layers take."""
        return sum(layer.size_bytes for layer in self.layers)

    def details(self) -> dict[str, Any]:
        """The block of details that several answers carry."""
        return {
            "parent_model": "",
            "format": "gguf",
            "family": self.family,
            "families": [self.family],
            "parameter_size": self.parameter_size,
            "quantization_level": self.quantization,
        }

    def show(self) -> dict[str, Any]:
        """The answer to `/api/show`."""
        return {
            "license": "A licence.",
            "modelfile": f"# Modelfile\nFROM {self.name}\n",
            "parameters": 'stop "<|im_end|>"\ntemperature 0.6',
            "template": "{{ .Prompt }}",
            "details": self.details(),
            "model_info": {
                "general.architecture": self.family,
                "general.parameter_count": 7_000_000_000,
                f"{self.family}.context_length": 40_960,
            },
            "capabilities": list(self.capabilities),
            "modified_at": "2025-06-01T12:00:00.000000000Z",
        }


class InvalidName(ValueError):
    """The name cannot be one of a model."""


def full_name(name: str) -> str:
    """The name as the server lists it: default host and namespace left out, tag spelled out.

    Raises:
        InvalidName: it has empty, overlong or odd parts.
    """
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        path, tag = name, "latest"
    parts = path.split("/")
    if len(parts) > 3 or not all(_PART.fullmatch(part) for part in [*parts, tag]):
        raise InvalidName(name)
    if len(parts) == 3 and parts[0] == REGISTRY_HOST:
        parts = parts[1:]
    if len(parts) == 2 and parts[0] == "library":
        parts = parts[1:]
    return f"{'/'.join(parts)}:{tag}"
