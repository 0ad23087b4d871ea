"""Models of the registry: layers with digests and sizes, a manifest, and what it is known for.

What the stand-in pulls happens inside it and has no bytes; a real server is given those that the
digests tell of. So a model has the same digest and the same size for both.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from tests.standins.hub.contents import Pattern, pattern_bytes
from tests.standins.ollama.tiny import CONTEXT_LENGTH, tiny_llama

_HOST = re.compile(r"\w[\w.:-]{0,349}", re.ASCII)
_NAMESPACE = re.compile(r"\w[\w-]{0,79}", re.ASCII)
_PART = re.compile(r"\w[\w.-]{0,79}", re.ASCII)
_MEDIA = "application/vnd.ollama.image."
_CONFIG = "application/vnd.docker.container.image.v1+json"
REGISTRY_HOST = "registry.ollama.ai"
TANGIBLE_BYTES = 16_000_000
"""Weights of more bytes than these are only spoken of: their digest follows from their name."""
LICENSE = "A licence."
TEMPLATE = "{{ .Prompt }}"
PARAMETERS = {"stop": ["<|im_end|>"], "temperature": 0.6}
_PARAMETERS_SHOWN = (("stop", '"<|im_end|>"'), ("temperature", "0.6"))


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
    `weight_layers` splits the weights into several layers, of which the last can be run.
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
        config = Layer(_CONFIG, _digest(self._config), len(self._config))
        return (*self._outer_layers, config)

    def content(self, digest: str) -> bytes:
        """The bytes of a layer; raises `KeyError` for one that the model does not have."""
        sources = [*(source for _, source in self._sources), self._config]
        source = {_digest(each): each for each in sources}[digest]
        return source if isinstance(source, bytes) else pattern_bytes(source)

    @functools.cached_property
    def _sources(self) -> tuple[tuple[str, bytes | Pattern], ...]:
        """Kind and content of all layers but the configuration."""
        share = self.size_bytes // self.weight_layers
        heads = [b""] * (self.weight_layers - 1) + [tiny_llama()]
        weights = (Pattern(share, self._seed(n), head) for n, head in enumerate(heads))
        return (
            *(("model", each) for each in weights),
            ("template", TEMPLATE.encode()),
            ("license", LICENSE.encode()),
            ("params", json.dumps(PARAMETERS).encode()),
        )

    @functools.cached_property
    def _outer_layers(self) -> tuple[Layer, ...]:
        return tuple(
            Layer(_MEDIA + kind, _digest(source), _size_of(source))
            for kind, source in self._sources
        )

    @functools.cached_property
    def _config(self) -> bytes:
        diff_ids = [layer.digest for layer in self._outer_layers]
        document = {
            "model_format": "gguf",
            "model_family": self.family,
            "model_families": [self.family],
            "model_type": self.parameter_size,
            "file_type": self.quantization,
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
        return json.dumps(document, separators=(",", ":")).encode()

    def _seed(self, number: int) -> int:
        identity = f"{self.name} {number} {self.edition}"
        return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:4], "big")

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
            "license": LICENSE,
            "modelfile": self._modelfile(),
            "parameters": "\n".join(f"{name:<30} {value}" for name, value in _PARAMETERS_SHOWN),
            "template": TEMPLATE,
            "details": self.details(),
            "model_info": {
                "general.architecture": self.family,
                "general.parameter_count": 7_000_000_000,
                f"{self.family}.context_length": CONTEXT_LENGTH,
            },
            "tensors": [{"name": "output_norm.weight", "type": "F32", "shape": [32]}],
            "capabilities": list(self.capabilities),
            "modified_at": "2025-06-01T12:00:00.000000000Z",
        }

    def _modelfile(self) -> str:
        weights = self.layers[self.weight_layers - 1].digest.replace(":", "-")
        return (
            '# Modelfile generated by "ollama show"\n'
            "# To build a new Modelfile based on this, replace FROM with:\n"
            f"# FROM {full_name(self.name)}\n\n"
            f"FROM /root/.ollama/models/blobs/{weights}\nTEMPLATE {TEMPLATE}\n"
            f"PARAMETER stop <|im_end|>\nPARAMETER temperature 0.6\nLICENSE {LICENSE}\n"
        )


@functools.lru_cache(maxsize=1024)
def _digest(source: bytes | Pattern) -> str:
    if isinstance(source, bytes):
        data = source
    elif source.size_bytes <= TANGIBLE_BYTES:
        data = pattern_bytes(source)
    else:
        data = f"{source.size_bytes} bytes of {source.seed}".encode()
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _size_of(source: bytes | Pattern) -> int:
    return len(source) if isinstance(source, bytes) else source.size_bytes


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
    kinds = [_HOST, _NAMESPACE, _PART][-len(parts) :]
    are_right = (kind.fullmatch(part) for kind, part in zip(kinds, parts, strict=False))
    if len(parts) > 3 or not all(are_right) or not _PART.fullmatch(tag):
        raise InvalidName(name)
    if len(parts) == 3 and parts[0] == REGISTRY_HOST:
        parts = parts[1:]
    if len(parts) == 2 and parts[0] == "library":
        parts = parts[1:]
    return f"{'/'.join(parts)}:{tag}"
