"""What every request passes first: an id, a size limit, HEAD, and the last net for errors.

Pure ASGI around the whole API, so that also what the framework itself answers is covered.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from yipyap_core.api.problems import of_http, of_unexpected

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1 << 20
MAX_UPLOAD_BYTES = 50 << 20
UPLOADS = ("/caption/", "/detect/")
"""Beginnings of the addresses that take images."""

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

Observer = Callable[[str, str, int, float], None]
"""Hears of each answer: method, path as the route declares it, status, seconds."""


class Edge:
    """Gives a request its id and sees to it that every answer is one of ours."""

    def __init__(self, app: ASGIApp, *, observe: Observer) -> None:
        """Wrap `app` and tell `observe` about each answer."""
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP goes through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        exchange = _Exchange(scope, receive, send)
        try:
            await exchange.run(self._app)
        finally:
            seconds = time.perf_counter() - started
            self._observe(exchange.method, exchange.route, exchange.status, seconds)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.method: str = scope["method"]
        self.status = 0
        self._headers = Headers(scope=scope)
        self._limit = _limit(scope)
        self._received_bytes = 0
        self._id = _request_id(self._headers)
        # a copy: the server itself has to see that a HEAD is one
        self._scope: Scope = {**scope, "request_id": self._id}
        if self.method == "HEAD":
            self._scope["method"] = "GET"

    @property
    def route(self) -> str:
        """The address as its route declares it; of bounded variety, for metrics."""
        return str(getattr(self._scope.get("route"), "path", "unmatched"))

    async def run(self, app: ASGIApp) -> None:
        """Call the application; an error that it lets escape is answered and logged here."""
        if error := self._refusal():
            await of_http(self._request(), error)(self._scope, self._receive, self.send)
            return
        try:
            await app(self._scope, self.receive, self.send)
        except ClientDisconnect:
            return
        except Exception:  # the last boundary: whatever it was, an answer and a line in the log
            log.exception("request %s: %s %s failed", self._id, self.method, self.route)
            if self.status:
                raise  # too late for an answer; the connection has to break
            await of_unexpected(self._request())(self._scope, self._receive, self.send)

    async def receive(self) -> Message:
        """Count the body while it comes in."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._received_bytes += len(message.get("body", b""))
            if self._received_bytes > self._limit:
                raise HTTPException(413)
        return message

    async def send(self, message: Message) -> None:
        """Put the id on the answer; of an answer to HEAD nothing but the head goes out."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._id
            headers.setdefault("Cache-Control", "no-store")
        elif self.method == "HEAD":
            await self._send({"type": "http.response.body", "body": b""})
            raise ClientDisconnect
        await self._send(message)

    def _refusal(self) -> HTTPException | None:
        """Refuse by the announced length, before anything is read."""
        length = self._headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 18:
            return HTTPException(400)
        return HTTPException(413) if int(length) > self._limit else None

    def _request(self) -> Request:
        return Request(self._scope, self._receive)


def _request_id(headers: Headers) -> str:
    """The id that the caller gave, when it looks like one, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex


def _limit(scope: Scope) -> int:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return MAX_UPLOAD_BYTES if path.startswith(UPLOADS) else MAX_BODY_BYTES
