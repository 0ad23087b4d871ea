"""What a registry of Ollama models offers at present, asked without pulling anything."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from yipyap_core.domain.ollama import DEFAULT_REGISTRY, full_name
from yipyap_core.errors import NotFound, Unavailable

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
KNOWN_REGISTRIES = frozenset({DEFAULT_REGISTRY, "hf.co", "huggingface.co"})
"""Others are not asked: an installed model's name must not choose where this server connects."""
TIMEOUT_SECONDS = 10.0
MAX_MANIFEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RemoteManifest:
    """A model as the registry has it now."""

    digests: frozenset[str]
    """Ways to hash the manifest; the service's digest is one of them while it is the same."""
    size_bytes: int
    """All layers together."""


class OllamaRegistry:
    """Reads manifests; `base_url` stands for the registry of names without a host."""

    def __init__(self, base_url: str = f"https://{DEFAULT_REGISTRY}") -> None:
        """Name the default registry; nothing is asked yet."""
        self._base_url = base_url.rstrip("/")

    def manifest(self, name: str) -> RemoteManifest:
        """Ask for a model's manifest; raises `NotFound` or `Unavailable`."""
        import httpx

        try:
            answer = httpx.get(
                self._address(name), headers={"Accept": MANIFEST}, timeout=TIMEOUT_SECONDS
            )
        except httpx.HTTPError as error:
            raise Unavailable("The registry does not answer.") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFound("The registry no longer has this model.")
        if answer.status_code != httpx.codes.OK or len(answer.content) > MAX_MANIFEST_BYTES:
            raise Unavailable(f"The registry answered with {answer.status_code}.")
        return _read(answer.content)

    def _address(self, name: str) -> str:
        path, _, tag = full_name(name).rpartition(":")
        parts = path.split("/")
        host = parts.pop(0) if len(parts) == 3 else None
        if host is not None and host not in KNOWN_REGISTRIES:
            raise Unavailable("It comes from another registry, which is not asked.")
        base = self._base_url if host is None else f"https://{host}"
        namespace = parts[0] if len(parts) == 2 else "library"
        return f"{base}/v2/{namespace}/{parts[-1]}/manifests/{tag}"


def _read(content: bytes) -> RemoteManifest:
    try:
        document: dict[str, Any] = json.loads(content)
        layers = [*document["layers"], document["config"]]
        size = sum(int(layer["size"]) for layer in layers)
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable("The registry's answer is not a manifest.") from error
    compact = json.dumps(document, separators=(",", ":")).encode()
    hashes = {hashlib.sha256(text).hexdigest() for text in (content, content.strip(), compact)}
    return RemoteManifest(frozenset(hashes), size)
