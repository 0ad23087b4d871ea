"""Answers as values: what a route decides before a fault or a socket touches it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from typing import Any

from tests.standins.connections import Request
from tests.standins.hub.contents import Content, MemoryContent

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers, and `count` bytes of a content from `start`.

    `is_file` marks the bytes of a repository's file, which honour ranges.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Content = field(default_factory=lambda: MemoryContent(b""))
    start: int = 0
    count: int = 0
    is_file: bool = False

    def with_headers(self, **headers: str) -> Answer:
        """The same answer with further headers; underscores stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})


class Stage(Flag):
    """What a request is about, for faults that choose.

    `CAS` is how the chunk store puts a file together; its xorbs are `CDN` as blobs are.
    """

    API = auto()
    RESOLVE = auto()
    CDN = auto()
    CONTENT = auto()
    CAS = auto()
    ANY = API | RESOLVE | CDN | CONTENT | CAS


@dataclass(frozen=True, slots=True)
class Routed:
    """The answer to a request, and what the request was about."""

    answer: Answer
    stage: Stage
    repo_id: str | None = None
    file: str | None = None


def text(status: int, body: bytes | str, content_type: str, **headers: str) -> Answer:
    """An answer whose body is at hand."""
    data = body.encode() if isinstance(body, str) else body
    answer = Answer(status, {"Content-Type": content_type}, MemoryContent(data), 0, len(data))
    return answer.with_headers(**headers)


def json_answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON document."""
    return text(status, json.dumps(value), "application/json; charset=utf-8", **headers)


def raw_json(data: bytes, **headers: str) -> Answer:
    """A JSON document that is text already."""
    return text(200, data, "application/json; charset=utf-8", **headers)


def error(status: int, message: str, code: str | None = None, **headers: str) -> Answer:
    """An error as the hub reports it: in JSON, and in the headers its client reads."""
    answer = json_answer({"error": message}, status, X_Error_Message=message, **headers)
    return answer.with_headers(X_Error_Code=code) if code else answer


def whole_file(content: Content, etag: str, **headers: str) -> Answer:
    """All bytes of a file, of which a range may be cut."""
    answer = Answer(200, {"ETag": f'"{etag}"'}, content, 0, content.size_bytes, is_file=True)
    return answer.with_headers(
        Accept_Ranges="bytes", Content_Type="application/octet-stream", **headers
    )


def requested_range(request: Request) -> tuple[int | None, int | None] | None:
    """The first and last byte asked for, either of them open; None without a single range."""
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    return (int(first) if first else None, int(last) if last else None)


def cut_range(answer: Answer, request: Request) -> Answer:
    """The part of a file that the request's Range and If-Range ask for: 200, 206 or 416."""
    asked = requested_range(request)
    condition = request.headers.get("if-range")
    if asked is None or not answer.is_file or answer.status != 200:
        return answer
    if condition is not None and condition != answer.headers.get("ETag"):
        return answer
    size_bytes = answer.content.size_bytes
    first, last = _resolved(asked, size_bytes)
    if first > last or first >= size_bytes:
        return unsatisfiable(answer)
    headers = {**answer.headers, "Content-Range": f"bytes {first}-{last}/{size_bytes}"}
    return replace(answer, status=206, headers=headers, start=first, count=last - first + 1)


def unsatisfiable(answer: Answer) -> Answer:
    """The 416 of a file, which names the true size."""
    headers = {"Content-Range": f"bytes */{answer.content.size_bytes}"}
    return Answer(416, headers)


def _resolved(asked: tuple[int | None, int | None], size_bytes: int) -> tuple[int, int]:
    first, last = asked
    if first is None:
        return max(0, size_bytes - (last or 0)), size_bytes - 1
    return first, size_bytes - 1 if last is None else min(last, size_bytes - 1)
