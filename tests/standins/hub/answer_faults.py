"""Faults that give another answer: errors, redirects, other bytes, lying headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import ClassVar

from tests.standins.hub.answers import Answer, Stage, error, text, unsatisfiable
from tests.standins.hub.contents import ChangedContent, ShortContent
from tests.standins.hub.faults import Exchange, Fault
from tests.standins.hub.signing import denied


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """Another status, with the hub's error code and message or with a body of one's own."""

    code: int
    error_code: str | None = None
    message: str = "stand-in fault"
    body: str | None = None
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)

    def before_range(self, exchange: Exchange) -> Exchange:
        """Replaces the answer, and keeps the commit it named."""
        commit = exchange.answer.headers.get("X-Repo-Commit")
        kept = {"X-Repo-Commit": commit} if commit else {}
        if self.body is None:
            answer = error(self.code, self.message, self.error_code)
        else:
            answer = text(self.code, self.body, self.content_type)
        headers = {**answer.headers, **kept, **self.headers}
        return exchange.answered(replace(answer, headers=headers))


@dataclass(frozen=True, slots=True)
class TooManyRequests(Fault):
    """429 with `Retry-After`, in seconds or as a date."""

    retry_after_seconds: int
    as_date: bool = False

    def before_range(self, exchange: Exchange) -> Exchange:
        """Replaces the answer."""
        after = str(self.retry_after_seconds)
        if self.as_date:
            moment = datetime.now(UTC) + timedelta(seconds=self.retry_after_seconds)
            after = format_datetime(moment, usegmt=True)
        return exchange.answered(error(429, "We had to rate limit you.", Retry_After=after))


@dataclass(frozen=True, slots=True)
class Redirect(Fault):
    """A redirect to anywhere; `{path}` in `location` stands for the path asked for."""

    location: str
    code: int = 302

    def before_range(self, exchange: Exchange) -> Exchange:
        """Replaces status and target, and keeps the other headers."""
        location = self.location.format(path=exchange.request.raw_path)
        headers = {**exchange.answer.headers, "Location": location}
        return exchange.answered(Answer(self.code, headers))


@dataclass(frozen=True, slots=True)
class CaptivePortal(Fault):
    """200 with a page that asks to sign in to the network."""

    html: str = "<!DOCTYPE html><html><title>Sign in to this network</title></html>"

    def before_range(self, exchange: Exchange) -> Exchange:
        """Replaces the answer."""
        return exchange.answered(text(200, self.html, "text/html; charset=utf-8"))


@dataclass(frozen=True, slots=True)
class ExpiredSignature(Fault):
    """The blob server says that the signed address is too old."""

    stage: ClassVar[Stage] = Stage.CDN

    def before_range(self, exchange: Exchange) -> Exchange:
        """Replaces the answer."""
        return exchange.answered(denied("Request has expired"))


@dataclass(frozen=True, slots=True)
class Changed(Fault):
    """Other bytes of the same size under the same address, with another ETag."""

    stage: ClassVar[Stage] = Stage.CONTENT

    def before_range(self, exchange: Exchange) -> Exchange:
        """Replaces content and ETag."""
        answer = replace(exchange.answer, content=ChangedContent(exchange.answer.content))
        return exchange.answered(answer.with_headers(ETag='"changed"'))


@dataclass(frozen=True, slots=True)
class IgnoreRange(Fault):
    """200 with the whole body, whatever range was asked for."""

    stage: ClassVar[Stage] = Stage.CONTENT

    def before_range(self, exchange: Exchange) -> Exchange:
        """Makes the answer one of which no range is cut."""
        headers = dict(exchange.answer.headers)
        headers.pop("Accept-Ranges", None)
        return exchange.answered(replace(exchange.answer, headers=headers, is_file=False))


@dataclass(frozen=True, slots=True)
class Unsatisfiable(Fault):
    """416 for every request with a range."""

    stage: ClassVar[Stage] = Stage.CONTENT

    def after_range(self, exchange: Exchange) -> Exchange:
        """Replaces the answer to a range."""
        if "range" not in exchange.request.headers:
            return exchange
        return exchange.answered(unsatisfiable(exchange.answer))


@dataclass(frozen=True, slots=True)
class ShortBody(Fault):
    """The file without its end, lengths and ranges agreeing with that."""

    missing_bytes: int
    stage: ClassVar[Stage] = Stage.CONTENT

    def before_range(self, exchange: Exchange) -> Exchange:
        """Shortens the content."""
        short = ShortContent(exchange.answer.content, self.missing_bytes)
        return exchange.answered(replace(exchange.answer, content=short, count=short.size_bytes))


@dataclass(frozen=True, slots=True)
class WrongLinkedSize(Fault):
    """An `X-Linked-Size` that is off by so many bytes."""

    delta_bytes: int
    stage: ClassVar[Stage] = Stage.RESOLVE

    def before_range(self, exchange: Exchange) -> Exchange:
        """Changes the header, where there is one."""
        size = exchange.answer.headers.get("X-Linked-Size")
        if size is None:
            return exchange
        wrong = str(int(size) + self.delta_bytes)
        return exchange.answered(exchange.answer.with_headers(X_Linked_Size=wrong))


@dataclass(frozen=True, slots=True)
class WrongContentRange(Fault):
    """A `Content-Range` that names other bytes than were asked for and sent."""

    shift_bytes: int
    stage: ClassVar[Stage] = Stage.CONTENT

    def after_range(self, exchange: Exchange) -> Exchange:
        """Changes the header of a 206."""
        answer = exchange.answer
        if answer.status != 206:
            return exchange
        first = answer.start + self.shift_bytes
        span = f"bytes {first}-{first + answer.count - 1}/{answer.content.size_bytes}"
        return exchange.answered(answer.with_headers(Content_Range=span))


@dataclass(frozen=True, slots=True)
class ShiftedBody(Fault):
    """A 206 whose headers are right and whose bytes come from another offset."""

    shift_bytes: int
    stage: ClassVar[Stage] = Stage.CONTENT

    def after_range(self, exchange: Exchange) -> Exchange:
        """Moves where the bytes of a 206 are read."""
        answer = exchange.answer
        if answer.status != 206:
            return exchange
        latest = answer.content.size_bytes - answer.count
        start = max(0, min(latest, answer.start + self.shift_bytes))
        return exchange.answered(replace(answer, start=start))
