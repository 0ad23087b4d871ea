"""One request with the ways to answer it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from tests.standins.connections import Connection, Request, head
from tests.standins.hub.records import LogEntry
from tests.standins.ollama import faults, talk
from tests.standins.ollama.faults import OllamaRule
from tests.standins.ollama.models import InvalidName, full_name

JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
WITHOUT_NAME = {
    "/api/show": (400, "model is required"),
    "/api/chat": (400, "model is required"),
    "/api/delete": (400, "model is required"),
    "/api/generate": (404, "model '' not found"),
}
"""What is said where no model is named; others call the name invalid."""


class Refused(Exception):
    """An error that the server answers with a status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.status = status


class Reply:
    """Answers one request and counts what goes out."""

    def __init__(self, request: Request, connection: Connection, entry: LogEntry) -> None:
        """Read the body, and the model it names."""
        self.request = request
        self.connection = connection
        self.entry = entry
        self.body = _parsed(request)
        self.given_name = str(self.body.get("model") or self.body.get("name") or "")
        self.model = _model(self.given_name.strip())
        entry.repo_id = self.model

    @property
    def streams(self) -> bool:
        """Whether lines are wanted as they come; so unless refused."""
        return self.body.get("stream") is not False

    def required_model(self) -> str:
        """The full name of the model asked for.

        Raises:
            Refused: there is no body, no name, or none that could be one.
        """
        if not self.request.body:
            raise Refused(400, "missing request body")
        if self.model is not None:
            return self.model
        path, name = self.request.path, self.given_name
        if not name and path in WITHOUT_NAME:
            raise Refused(*WITHOUT_NAME[path])
        if path == "/api/delete":
            raise Refused(400, f'name "{name}" is invalid')
        raise Refused(400, "invalid model name")

    def keep_alive(self) -> timedelta:
        """How long the model stays in memory; raises `Refused` where nobody can say."""
        given = self.body.get("keep_alive")
        try:
            return talk.keep_alive(given)
        except ValueError as error:
            raise Refused(400, f'time: invalid duration "{given}"') from error

    def send_text(self, text: str, status: int = 200, *, charset: bool = False) -> None:
        """Answer in plain text."""
        self.send(text.encode(), status, "text/plain; charset=utf-8" if charset else "text/plain")

    def send_json(self, value: Any, status: int = 200) -> None:
        """Answer with a JSON document."""
        self.send(json.dumps(value).encode(), status, JSON)

    def send(self, data: bytes, status: int, content_type: str | None) -> None:
        """Answer with a body at hand."""
        self.entry.status, self.entry.finishing = status, True
        kind = {"Content-Type": content_type} if content_type else {}
        top = head(status, {**kind, "Content-Length": str(len(data))})
        self.connection.send(top if self.request.method == "HEAD" else top + data)
        self.entry.bytes_sent += len(data)

    def send_lines(self, lines: Iterable[bytes]) -> None:
        """Answer with a stream of lines, each as soon as there is one."""
        self.entry.status = 200
        headers = {"Content-Type": NDJSON, "Transfer-Encoding": "chunked"}
        self.connection.send(head(200, headers))
        for data in lines:
            self.connection.send(b"%x\r\n%b\r\n" % (len(data), data))
            self.entry.bytes_sent += len(data)
        self.entry.finishing = True
        self.connection.send(b"0\r\n\r\n")


def strike(rule: OllamaRule, reply: Reply) -> bool:
    """Let a fault act before the server answers; returns whether it has answered itself."""
    match rule.fault:
        case faults.Answer(status, body, content_type):
            reply.send(body.encode(), status, content_type)
            return True
        case faults.NoAnswer():
            reply.connection.wait(None, rule.release)
        case faults.ResetLine():
            reply.connection.reset()
    return False


def _parsed(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _model(name: str) -> str | None:
    try:
        return full_name(name)
    except InvalidName:
        return None
