"""The Ollama server: its HTTP interface on one port, the registry of models on another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.standins.connections import Connection, Request
from tests.standins.hub.records import LogEntry, Port, RequestLog, RequestRecord
from tests.standins.loopback import LoopbackServer
from tests.standins.ollama import talk
from tests.standins.ollama.api import Api
from tests.standins.ollama.faults import OllamaFault, OllamaFaultBook, OllamaRule
from tests.standins.ollama.models import InvalidName, OllamaModel, full_name
from tests.standins.ollama.replies import Refused, Reply, strike
from tests.standins.ollama.settings import OllamaSettings
from tests.standins.ollama.shelf import Shelf
from tests.standins.waiting import wait_until

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Ollama:
    """An Ollama server on loopback: `with Ollama() as ollama: ollama.publish(OllamaModel(...))`.

    `publish` puts a model into the registry, `install` onto the server. `base_url` is the
    server's address, `registry_url` the registry's.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Bind both ports; `start` or a with statement begins to serve."""
        self._settings = OllamaSettings()
        self._log = RequestLog()
        self._faults = OllamaFaultBook()
        self._shelf = Shelf()
        self._answers = Api(self._shelf, lambda: self._settings)
        self._api = LoopbackServer(self._serve_api, host=host, port=port)
        self._registry = LoopbackServer(self._serve_registry, host=host)

    def __enter__(self) -> Ollama:
        """Start serving."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self.close()

    @property
    def base_url(self) -> str:
        """The server's address, for `OLLAMA_BASE_URL`."""
        return self._api.url

    @property
    def registry_url(self) -> str:
        """The registry's address."""
        return self._registry.url

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """Every request so far; `repo_id` is the model's name, `bytes_sent` counts the body."""
        return self._log.records()

    @property
    def installed(self) -> dict[str, OllamaModel]:
        """The models on the server, by name."""
        return self._shelf.installed()

    @property
    def loaded(self) -> list[str]:
        """The models in memory now."""
        return self._shelf.loaded()

    @property
    def version(self) -> str:
        """What the server says of itself."""
        return self._settings.version

    def start(self) -> None:
        """Serve, after `stop` on the same ports."""
        self._api.start()
        self._registry.start()

    def stop(self) -> None:
        """Be away, with all connections ended, until `start`; what was pulled stays."""
        self._api.stop()
        self._registry.stop()

    def crash(self) -> None:
        """Be away at once; a layer that had not wholly arrived begins anew."""
        self.stop()
        self._shelf.blobs.forget_parts()

    def close(self) -> None:
        """Stop for good."""
        self._faults.clear()
        self.stop()

    def configure(self, **changes: Any) -> None:
        """Change fields of `OllamaSettings`, in force from the next request on; a pace at once."""
        self._settings = replace(self._settings, **changes)

    def pace(self, bytes_per_second: float | None) -> None:
        """Let pulls take their time, or none."""
        self.configure(pull_bps=bytes_per_second)

    def publish(self, *models: OllamaModel) -> None:
        """Put models into the registry, in place of those of the same name."""
        for model in models:
            self._shelf.publish(model)

    def install(self, *models: OllamaModel) -> None:
        """Put models onto the server, and into the registry where it lacks them."""
        for model in models:
            self._shelf.put(model)

    def pulled_bytes(self, name: str) -> int:
        """How much of a published model is on the server, whole or in part."""
        model = self._shelf.published(full_name(name))
        if model is None:
            return 0
        return sum(self._shelf.blobs.bytes_of(layer) for layer in model.layers)

    def pulls(self, name: str) -> int:
        """How often a model was pulled or begun to be."""
        return len(self.find("/api/pull", model=name))

    def kill_runner(self) -> None:
        """Let the answer that is being written end with an error."""
        self._answers.killed.set()

    def is_pulling(self) -> bool:
        """Whether a pull is under way."""
        return any(record.ended is None for record in self.find("/api/pull"))

    def answer(self, question: str) -> str:
        """What every model says to a question."""
        return "".join(talk.words(question))

    def find(self, path: str | None = None, *, model: str | None = None) -> list[RequestRecord]:
        """The requests for an address, a model, or both."""
        name = full_name(model) if model else None
        return [
            record
            for record in self.requests
            if path in (None, record.path) and name in (None, record.repo_id)
        ]

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float = 20.0) -> None:
        """Wait until `condition` holds, or raise `TimeoutError`."""
        wait_until(condition, timeout_seconds=timeout_seconds, last=lambda: self.requests)

    def inject(
        self,
        fault: OllamaFault,
        *,
        path: str | None = None,
        model: str | None = None,
        count: int | None = None,
    ) -> OllamaRule:
        """Let a fault strike requests for a path and model, `count` times or always.

        Faults play in the order of these calls. The result tells its `strikes`, and
        `release.set()` ends its waits.
        """
        name = full_name(model) if model else None
        return self._faults.add(fault, path=path, model=name, count=count)

    def clear_faults(self) -> None:
        """Take all faults out of force and end their waits."""
        self._faults.clear()

    def _serve_api(self, request: Request, connection: Connection) -> bool:
        return self._serve("api", request, connection)

    def _serve_registry(self, request: Request, connection: Connection) -> bool:
        return self._serve("registry", request, connection)

    def _serve(self, port: Port, request: Request, connection: Connection) -> bool:
        reply = Reply(request, connection, self._begin(port, request, connection))
        try:
            rule = self._faults.take(request.path, reply.model)
            if rule is None or not strike(rule, reply):
                self._answer(port, reply, rule)
        except Refused as refused:
            reply.send_json({"error": str(refused)}, refused.status)
        finally:
            self._log.end(reply.entry)
        return True

    def _begin(self, port: Port, request: Request, connection: Connection) -> LogEntry:
        return self._log.begin(
            port=port,
            connection=connection.number,
            method=request.method,
            host=request.authority,
            proxied=request.proxied,
            path=request.path,
            query=request.raw_query,
            range_start=None,
            range_end=None,
            if_range=None,
            authorization="authorization" in request.headers,
            user_agent=request.headers.get("user-agent", ""),
            started=request.received,
        )

    def _answer(self, port: Port, reply: Reply, rule: OllamaRule | None) -> None:
        if port == "registry":
            return self._manifest(reply)
        return self._answers.answer(reply, rule)

    def _manifest(self, reply: Reply) -> None:
        model = self._shelf.published(_name_in_registry(reply.request.path))
        if model is None:
            error = {"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}
            return reply.send_json({"errors": [error]}, 404)
        return reply.send(model.manifest, 200, MANIFEST)


def _name_in_registry(path: str) -> str:
    """The full name behind `/v2/<namespace>/<name>/manifests/<tag>`, empty for anything else."""
    name, _, tag = path.removeprefix("/v2/").partition("/manifests/")
    try:
        return full_name(f"{name}:{tag}")
    except InvalidName:
        return ""
