"""The hub itself: two ports, a catalogue, faults, and a log of what was asked."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from tests.standins.connections import Connection, Request
from tests.standins.hub.access import Gatekeeper, Token
from tests.standins.hub.answers import (
    Answer,
    Routed,
    Stage,
    cut_range,
    requested_range,
)
from tests.standins.hub.catalog import Catalog, CommitOptions, RepoOptions
from tests.standins.hub.contents import Source
from tests.standins.hub.delivery import Delivery, Pacer, deliver
from tests.standins.hub.faults import Exchange, Fault
from tests.standins.hub.files import FileServer, FileSettings
from tests.standins.hub.interface import HubInterface, HubSettings
from tests.standins.hub.records import LogEntry, Port, RequestLog, RequestRecord
from tests.standins.hub.repos import RepoType
from tests.standins.hub.routes import Router
from tests.standins.hub.rules import FaultBook, RuleOptions
from tests.standins.hub.xet import ChunkStore
from tests.standins.loopback import LoopbackServer


class Hub(HubInterface):
    """A Hugging Face hub on loopback: `with Hub() as hub: hub.add_repo("org/name", {...})`.

    The interface is at `endpoint`, large files come from `cdn_url`, another port and so
    another origin. Everything is declared, changed and asked for while it runs.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        cdn_host: str = "127.0.0.1",
        folder: Path | None = None,
    ) -> None:
        """Bind both ports; `start` or a with statement begins to serve.

        Generated files are kept without names in `folder`, or where temporary files are.
        """
        self._settings = HubSettings()
        self._shared_pacer = Pacer()
        self._log = RequestLog()
        self._faults = FaultBook()
        self._gatekeeper = Gatekeeper()
        self._catalog = Catalog(folder)
        self._api = LoopbackServer(self._serve_api, host=host, port=port)
        self._cdn = LoopbackServer(self._serve_cdn, host=cdn_host)
        self._files = FileServer(
            self._catalog,
            hub_url=lambda: self.endpoint,
            cdn_url=lambda: self.cdn_url,
            settings=self._file_settings,
        )
        self._store = ChunkStore(
            self._catalog,
            self._files.signer,
            url=lambda: self.cdn_url,
            signature_seconds=lambda: self._settings.signature_seconds,
        )
        self._router = Router(
            self._catalog,
            self._gatekeeper,
            self._files,
            self._store,
            tree_page_size=lambda: self._settings.tree_page_size,
        )

    def __enter__(self) -> Hub:
        """Start serving."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving and give everything back."""
        self.close()

    @property
    def endpoint(self) -> str:
        return self._api.url

    @property
    def cdn_url(self) -> str:
        return self._cdn.url

    def start(self) -> None:
        self._api.start()
        self._cdn.start()

    def stop(self) -> None:
        self._api.stop()
        self._cdn.stop()

    def close(self) -> None:
        self._faults.clear()
        self.stop()
        self._catalog.close()

    def configure(self, **changes: Any) -> None:
        self._settings = replace(self._settings, **changes)
        self._shared_pacer.bytes_per_second = self._settings.server_bps

    def add_repo(
        self, repo_id: str, files: Mapping[str, Source], **options: Unpack[RepoOptions]
    ) -> str:
        return self._catalog.add_repo(repo_id, files, **options)

    def commit(
        self, repo_id: str, files: Mapping[str, Source | None], **options: Unpack[CommitOptions]
    ) -> str:
        return self._catalog.commit(repo_id, files, **options)

    def tag(
        self, repo_id: str, tag: str, *, repo_type: RepoType = "model", revision: str = "main"
    ) -> None:
        self._catalog.tag(repo_id, tag, repo_type=repo_type, revision=revision)

    def remove_repo(self, repo_id: str, *, repo_type: RepoType = "model") -> None:
        self._catalog.remove_repo(repo_id, repo_type=repo_type)

    def add_token(self, token: Token) -> None:
        self._gatekeeper.tokens[token.value] = token

    def revoke_token(self, value: str) -> None:
        self._gatekeeper.tokens.pop(value, None)

    def expire_signatures(self) -> None:
        self._files.signer.expire_all()

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        return self._log.records()

    def forget_requests(self) -> None:
        self._log.clear()

    @property
    def accepted_connections(self) -> int:
        return self._api.accepted_connections + self._cdn.accepted_connections

    def add_rule(self, faults: tuple[Fault, ...], options: RuleOptions) -> int:
        return self._faults.add(faults, options)

    def release_rule(self, number: int) -> None:
        self._faults.release(number)

    def remove_rule(self, number: int) -> None:
        self._faults.remove(number)

    def rule_strikes(self, number: int) -> int:
        return self._faults.strikes(number)

    def clear_faults(self) -> None:
        self._faults.clear()

    def _file_settings(self) -> FileSettings:
        return FileSettings(self._settings.signature_seconds, self._settings.resolve_cache)

    def _serve_api(self, request: Request, connection: Connection) -> bool:
        if request.proxied and f"http://{request.authority}" == self.cdn_url:
            return self._serve_cdn(request, connection)
        return self._serve("api", self._router.route(request), request, connection)

    def _serve_cdn(self, request: Request, connection: Connection) -> bool:
        routed = self._store.route(request) or self._blob(request)
        return self._serve("cdn", routed, request, connection)

    def _blob(self, request: Request) -> Routed:
        answer, repo_id, file = self._files.blob(request)
        stage = Stage.CDN
        if answer.is_file and request.method == "GET":
            stage |= Stage.CONTENT
        return Routed(answer, stage, repo_id, file)

    def _serve(self, port: Port, routed: Routed, request: Request, connection: Connection) -> bool:
        entry = self._begin(port, routed, request, connection)
        try:
            exchange = self._struck(routed, request, connection)
            return deliver(connection, request, exchange.answer, exchange.how, entry)
        finally:
            self._log.end(entry)

    def _struck(self, routed: Routed, request: Request, connection: Connection) -> Exchange:
        how = self._delivery(connection, routed.answer)
        exchange = Exchange(request, routed.answer, how, threading.Event())
        strikes = self._faults.take(request, routed)
        for strike in strikes:
            exchange = strike.fault.before_range(replace(exchange, release=strike.release))
        exchange = exchange.answered(cut_range(exchange.answer, request))
        for strike in strikes:
            exchange = strike.fault.after_range(replace(exchange, release=strike.release))
        return exchange

    def _begin(
        self, port: Port, routed: Routed, request: Request, connection: Connection
    ) -> LogEntry:
        first, last = requested_range(request) or (None, None)
        entry = self._log.begin(
            port=port,
            connection=connection.number,
            method=request.method,
            host=request.authority,
            proxied=request.proxied,
            path=request.path,
            query=request.raw_query,
            range_start=first,
            range_end=last,
            if_range=request.headers.get("if-range"),
            authorization="authorization" in request.headers,
            user_agent=request.headers.get("user-agent", ""),
            started=request.received,
        )
        entry.repo_id, entry.file = routed.repo_id, routed.file
        return entry

    def _delivery(self, connection: Connection, answer: Answer) -> Delivery:
        settings = self._settings
        latency = settings.latency_seconds * (1 if connection.answered else 2)
        pacers = []
        if answer.is_file and settings.connection_bps is not None:
            pacers.append(Pacer(settings.connection_bps))
        if answer.is_file and settings.server_bps is not None:
            pacers.append(self._shared_pacer)
        return Delivery(latency_seconds=latency, pacers=pacers)
