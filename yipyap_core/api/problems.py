"""Every error as `application/problem+json` (RFC 9457): one shape, a stable code, a hint.

The branch of an error in `yipyap_core.errors` decides the HTTP status, the leaf the words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from yipyap_core import errors
from yipyap_core.errors import YipyapError

MEDIA_TYPE = "application/problem+json"

STATUSES: tuple[tuple[type[YipyapError], int], ...] = (
    (errors.RepositoryNotFound, 404),
    (errors.RevisionNotFound, 404),
    (errors.FileNotInRepository, 404),
    (errors.HubBusy, 503),
    (errors.DiskFull, 507),
    (errors.TransferError, 502),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.PreconditionFailed, 412),
    (errors.Invalid, 422),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.Throttled, 429),
    (errors.InsufficientStorage, 507),
    (errors.Unavailable, 503),
)
"""Leaves before their branches: the first that fits counts."""

PLAIN: Mapping[int, tuple[str, str, str]] = {
    400: ("bad_request", "The request cannot be read.", "Check how the body is encoded."),
    404: ("not_found", "There is nothing at this address.", "/api/docs lists the addresses."),
    405: (
        "method_not_allowed",
        "This address does not know the method.",
        "The header Allow names those it knows.",
    ),
    413: ("too_large", "The body of the request is too large.", "Send less at once."),
}
"""Code, sentence and hint of what the framework itself refuses."""

REFUSED_TOKENS = frozenset({"invalid_token", "expired", "revoked"})
"""Codes that say that a token was sent and does not count (RFC 6750)."""

INTERNAL = (
    "internal_error",
    "Something went wrong in the server.",
    "Look for the request's id in the server's log.",
)


class ProblemResponse(Response):
    """A problem document with the headers that belong to its status."""

    media_type = MEDIA_TYPE


def problem(
    request: Request,
    status: int,
    words: tuple[str, str, str],
    *,
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> ProblemResponse:
    """Make the answer from code, sentence and hint; `extra` fields are added as they are."""
    code, detail, hint = words
    body = {
        "type": f"urn:yipyap:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "hint": hint,
        "request_id": request.scope.get("request_id"),
        **extra,
    }
    content = json.dumps(body, ensure_ascii=True)
    return ProblemResponse(content, status_code=status, headers=dict(headers or {}))


def status_of(error: YipyapError) -> int:
    """The HTTP status of one of our own errors; 500 for a branch that the table does not know."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def of_error(request: Request, error: Exception) -> Response:
    """Answer one of our own errors."""
    assert isinstance(error, YipyapError)
    status = status_of(error)
    words = (error.code, error.message, error.hint)
    return problem(request, status, words, headers=_headers(error, status), **_extra(error))


def of_validation(request: Request, error: Exception) -> Response:
    """Answer a body, query or path that does not fit its schema."""
    assert isinstance(error, RequestValidationError)
    found = _field_errors(error.errors())
    named = ", ".join(sorted({one["field"] for one in found if one["field"]}))
    words = (
        "invalid_request",
        f"The request does not fit: {named}." if named else "The body does not fit.",
        "Correct the named fields and send again.",
    )
    return problem(request, 422, words, errors=found)


def of_http(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses: no such address, no such method, too large."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    phrase = HTTPStatus(status).phrase
    default = (phrase.lower().replace(" ", "_"), f"{phrase}.", "Check the request.")
    headers = dict(error.headers or {})
    if status == 405:
        headers["Allow"] = ", ".join(_allowed(request))
    return problem(request, status, PLAIN.get(status, default), headers=headers)


def of_unexpected(request: Request) -> Response:
    """Answer what should not have happened; nothing of the error itself goes out."""
    return problem(request, 500, INTERNAL)


HANDLERS: dict[int | type[Exception], Any] = {
    YipyapError: of_error,
    RequestValidationError: of_validation,
    HTTPException: of_http,
}
"""What the application is given; each takes a request and an error of its kind."""


def _headers(error: YipyapError, status: int) -> dict[str, str]:
    if status == 401:
        refused = error.code in REFUSED_TOKENS
        return {"WWW-Authenticate": 'Bearer error="invalid_token"' if refused else "Bearer"}
    seconds = getattr(error, "retry_after_seconds", None)
    return {} if seconds is None else {"Retry-After": str(max(1, math.ceil(seconds)))}


def _extra(error: YipyapError) -> dict[str, Any]:
    match error:
        case errors.Invalid():
            fields = sorted(error.fields.items())
            return {"errors": [{"field": field, "message": text} for field, text in fields]}
        case errors.InsufficientStorage() | errors.DiskFull():
            return {"needed_bytes": error.needed_bytes, "free_bytes": error.free_bytes}
        case errors.Throttled():
            return {"retry_after_seconds": math.ceil(error.retry_after_seconds)}
        case _:
            return {}


def _field_errors(found: Sequence[Any]) -> list[dict[str, str]]:
    """Name the field by its path without the part of the request, and never repeat the input."""
    return [
        {"field": _dotted(one["type"], one["loc"]), "message": _sentence(one["msg"])}
        for one in found
    ]


def _dotted(kind: str, location: Sequence[int | str]) -> str:
    if kind == "json_invalid":
        return ""
    return ".".join(str(part) for part in location[1:])


def _sentence(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text if text.endswith(".") else f"{text}."


def _allowed(request: Request) -> list[str]:
    """Every method that some route of this address knows; HEAD goes wherever GET goes."""
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))
