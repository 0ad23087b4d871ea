"""Requests to an Ollama server as a plain client sends them."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from tests.standins.ollama import AnyOllama
from tests.test_standins.test_hub_http import Got


def post(ollama: AnyOllama, path: str, **body: Any) -> Got:
    """One POST as curl would send it."""
    return send(ollama, "POST", path, json.dumps(body))


def send(ollama: AnyOllama, method: str, path: str, body: str | None) -> Got:
    """One request as curl would send it."""
    connection = http.client.HTTPConnection(urlsplit(ollama.base_url).netloc, timeout=10)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return Got(answer.status, dict(answer.headers.items()), answer.read())
    finally:
        connection.close()


def lines(got: Got) -> list[dict[str, Any]]:
    """A stream's lines."""
    return [json.loads(text) for text in got.body.splitlines()]
