"""A registry of models as the real server knows it: manifests, and blobs at a signed address.

The protocol is that of Docker's registries. A blob's address answers HEAD with its size, and GET
with a redirect to another host, which knows ranges.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.standins.connections import Connection, ConnectionEnded, Request, head
from tests.standins.loopback import LoopbackServer
from tests.standins.ollama.faults import (
    OllamaFault,
    OllamaFaultBook,
    OllamaRule,
    PullStall,
    RegistryCut,
    RegistryFailure,
    WrongBytes,
)
from tests.standins.ollama.models import REGISTRY_HOST, OllamaModel, full_name

BLOB_HOST = "blobs.registry.example"
HOSTS = (REGISTRY_HOST, BLOB_HOST)
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
UNKNOWN = b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'
PIECE_BYTES = 16_384
_ADDRESS = re.compile(r"/v2/(?P<path>.+)/(?P<kind>manifests|blobs)/(?P<id>[^/]+)")
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass(slots=True)
class Delivery:
    """One pull as the registry sees it: what is asked for, what was sent, what goes wrong."""

    model: OllamaModel
    rule: OllamaRule | None
    sent_bytes: int = 0

    @property
    def fault(self) -> OllamaFault | None:
        """What goes wrong with it."""
        return self.rule.fault if self.rule else None

    def content(self, digest: str) -> bytes:
        """A layer's bytes, altered in weights where that is the fault."""
        data = self.model.content(digest)
        if isinstance(self.fault, WrongBytes) and len(data) > PIECE_BYTES:
            return data[:-1] + bytes([255 - data[-1]])
        return data


class ModelRegistry:
    """Serves the published models on a loopback port, without TLS."""

    def __init__(self) -> None:
        """Bind; `server.start` begins to serve."""
        self.server = LoopbackServer(self._serve)
        self.bytes_per_second: float | None = None
        self.faults = OllamaFaultBook()
        self._lock = threading.Lock()
        self._models: dict[str, OllamaModel] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._asked: Counter[str] = Counter()
        self._transfers = 0

    def publish(self, model: OllamaModel) -> None:
        """Offer a model in place of that of the same name."""
        self._models[full_name(model.name)] = model

    def published(self, name: str) -> OllamaModel | None:
        """The model of a full name."""
        return self._models.get(name)

    def asked(self, name: str) -> int:
        """How often a model's manifest was asked for."""
        return self._asked[full_name(name)]

    @property
    def transfers(self) -> int:
        """How many blobs are on their way."""
        return self._transfers

    def _serve(self, request: Request, connection: Connection) -> bool:
        found = _ADDRESS.fullmatch(request.path)
        if found is None:
            return _send(connection, request, 404, b"404 page not found")
        if found["kind"] == "manifests":
            return self._manifest(request, connection, f"{found['path']}:{found['id']}")
        return self._blob(request, connection, found["id"])

    def _manifest(self, request: Request, connection: Connection, written: str) -> bool:
        name = full_name(written)
        self._asked[name] += 1
        rule = self.faults.take("/api/pull", name)
        match rule.fault if rule else None:
            case RegistryFailure(status, body):
                return _send(connection, request, status, body.encode())
            case PullStall(0):
                assert rule is not None
                connection.wait(None, rule.release)
        model = self.published(name)
        if model is None:
            return _send(connection, request, 404, UNKNOWN)
        delivery = Delivery(model, rule)
        self._deliveries.update((layer.digest, delivery) for layer in model.layers)
        return _send(connection, request, 200, model.manifest, {"Content-Type": MANIFEST})

    def _blob(self, request: Request, connection: Connection, digest: str) -> bool:
        delivery = self._deliveries.get(digest)
        if delivery is None:
            return _send(connection, request, 404, b"")
        content = delivery.content(digest)
        if request.method == "HEAD":
            return _send(connection, request, 200, content)
        if request.authority.partition(":")[0] == REGISTRY_HOST:
            place = f"https://{BLOB_HOST}{request.path}?signature=0123"
            return _send(connection, request, 307, b"", {"Location": place})
        with self._counted():
            self._deliver(connection, delivery, content, request.headers.get("range", ""))
        return True

    def _deliver(
        self, connection: Connection, delivery: Delivery, content: bytes, wanted: str
    ) -> None:
        found = _RANGE.fullmatch(wanted)
        start, stop = (int(found[1]), int(found[2]) + 1) if found else (0, len(content))
        parts = {
            "Content-Range": f"bytes {start}-{stop - 1}/{len(content)}",
            "Content-Length": str(stop - start),
        }
        connection.send(head(206 if found else 200, parts))
        while start < stop:
            piece = content[start : min(stop, start + self._allowed(connection, delivery))]
            connection.send(piece)
            start += len(piece)
            delivery.sent_bytes += len(piece)
            if self.bytes_per_second:
                connection.wait(len(piece) / self.bytes_per_second)

    def _allowed(self, connection: Connection, delivery: Delivery) -> int:
        """How much may be sent now; cuts or holds the line where that is the fault."""
        match delivery.fault:
            case RegistryCut(after) if delivery.sent_bytes >= after:
                delivery.rule = None
                raise ConnectionEnded
            case PullStall(after) if delivery.sent_bytes >= after:
                assert delivery.rule is not None
                connection.wait(None, delivery.rule.release)
                delivery.rule = None
            case RegistryCut(after) | PullStall(after):
                return min(PIECE_BYTES, after - delivery.sent_bytes)
        return PIECE_BYTES

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._transfers += 1
        try:
            yield
        finally:
            with self._lock:
                self._transfers -= 1


def _send(
    connection: Connection,
    request: Request,
    status: int,
    data: bytes,
    headers: dict[str, str] | None = None,
) -> bool:
    top = head(status, {**(headers or {}), "Content-Length": str(len(data))})
    connection.send(top if request.method == "HEAD" else top + data)
    return True
