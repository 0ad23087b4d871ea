"""Asks for bytes of one file: redirects followed by hand, the answer checked before it is used."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from yipyap_core.domain.downloads import DownloadPlan, RemoteFile
from yipyap_core.domain.models import RepoType
from yipyap_core.errors import HubAnswerInvalid, RedirectRefused
from yipyap_core.transfer.addresses import Origin
from yipyap_core.transfer.connection import Answer, Line, LineBroken
from yipyap_core.transfer.lines import Lines
from yipyap_core.transfer.options import TransferOptions
from yipyap_core.transfer.refusals import COMMIT_HEADER, SignatureExpired, refusal

MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CONTENT_RANGE = re.compile(r"bytes (?:([0-9]{1,19})-[0-9]{1,19}|\*)/([0-9]{1,19}|\*)$")
SMALL_BODY_BYTES = 64 * 1024


class OtherBytes(Exception):
    """The server has not the range that was asked for: its file is not the listed one, or our
    partial one is wrong."""

    def __init__(self, reason: str) -> None:
        """Keep the reason for people."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bytes `start` to `end` (exclusive) of a file; the whole of it without a range header."""

    file: RemoteFile
    start: int
    end: int
    validator: str | None = None
    """The ETag under which the bytes kept so far came; sent as If-Range."""

    @property
    def headers(self) -> dict[str, str]:
        """Range and If-Range, none for the whole file."""
        if self.start == 0 and self.end >= self.file.size_bytes:
            return {}
        headers = {"Range": f"bytes={self.start}-{self.end - 1}"}
        if self.validator:
            headers["If-Range"] = self.validator
        return headers


@dataclass(frozen=True, slots=True)
class Body:
    """An accepted answer: where its bytes belong, and the line to read them from."""

    line: Line
    start: int
    partial: bool
    """206; otherwise the server sends the file from its beginning."""
    validator: str | None
    """A strong ETag of this answer, for If-Range."""


class Requests:
    """Opens bodies for the files of one plan, over the connections of one thread."""

    def __init__(
        self,
        options: TransferOptions,
        plan: DownloadPlan,
        lines: Lines,
        token: Callable[[], str | None],
    ) -> None:
        """Keep what each request needs; `token` is asked at each request."""
        self._endpoint = Origin.of(options.endpoint)
        self._base = _resolve_base(options.endpoint, plan)
        self._base_target = _target(self._base)
        self._commit = plan.commit
        self._lines = lines
        self._token = token
        self._common = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": options.user_agent,
        }
        self._storage: tuple[str, str] | None = None
        self._vouched = False
        self._aside: tuple[str, Body] | None = None

    def open(self, wanted: Wanted) -> Body:
        """Ask, follow redirects, check; the storage of the last file is asked again directly.

        Raises a `TransferError`, `LineBroken`, `SignatureExpired` or `OtherBytes`.
        """
        if (body := self._take_aside(wanted)) is not None:
            return body
        path = wanted.file.path
        known, self._storage = self._storage, None
        again = known is not None and known[0] == path
        url = known[1] if known and again else self._base + quote(path)
        body, url = self._follow(url, wanted)
        if body.line.origin != self._endpoint:
            self._storage = path, url
        return body

    def set_aside(self, file: RemoteFile, body: Body) -> None:
        """Answer the next `open` with this body, if it asks for what comes next in it."""
        self._aside = file.path, body

    def close(self) -> None:
        """End the connection of what was set aside and not asked for."""
        if self._aside is not None:
            self._lines.drop(self._aside[1].line)
            self._aside = None

    def _take_aside(self, wanted: Wanted) -> Body | None:
        if self._aside is None:
            return None
        path, body = self._aside
        if (path, body.start) == (wanted.file.path, wanted.start):
            self._aside = None
            return body
        self.close()
        return None

    def ask_ahead(self, file: RemoteFile) -> None:
        """Send the request that `open` will make for the whole of a file, and do not wait."""
        origin, target = self._place(self._base + quote(file.path))
        wanted = Wanted(file, 0, file.size_bytes)
        self._lines.ask_ahead(origin, target, self._headers(wanted, self._token()))

    def _follow(self, url: str, wanted: Wanted) -> tuple[Body, str]:
        token = self._token()
        self._vouched = False
        for _ in range(MOST_REDIRECTS):
            origin, target = self._place(url)
            token = token if origin == self._endpoint else None  # and it does not come back
            headers = self._headers(wanted, token)
            line, answer = self._lines.get(origin, target, headers)
            try:
                body = self._read(line, answer, wanted, bool(token))
            except BaseException:
                self._lines.drop(line)
                raise
            if body is not None:
                return body, url
            url = self._next(url, line, answer)
        raise HubAnswerInvalid(f"The hub redirects {wanted.file.path} in a circle.")

    def _headers(self, wanted: Wanted, token: str | None) -> dict[str, str]:
        own = {"Authorization": f"Bearer {token}"} if token else {}
        return {**self._common, **wanted.headers, **own}

    def _place(self, url: str) -> tuple[Origin, str]:
        """Take an address apart; those of the hub itself without looking at each letter again."""
        if url.startswith(self._base):
            return self._endpoint, self._base_target + url[len(self._base) :]
        return Origin.of(url), _target(url)

    def _read(self, line: Line, answer: Answer, wanted: Wanted, with_token: bool) -> Body | None:
        from_hub = line.origin == self._endpoint
        if answer.status < 400 and from_hub:
            self._check_commit(answer, wanted.file)
        if answer.status in REDIRECTS:
            return None
        if answer.status in {200, 206}:
            return _body(line, answer, wanted)
        if answer.status == 416:
            size = _content_range(answer)[1]
            raise OtherBytes(f"its file has {size:,} bytes" if size else "it has no such range")
        if answer.status in {401, 403} and not from_hub:
            raise SignatureExpired
        raise refusal(answer, wanted.file.path, from_hub=from_hub, with_token=with_token)

    def _check_commit(self, answer: Answer, file: RemoteFile) -> None:
        commit = answer.headers.get(COMMIT_HEADER)
        self._vouched = self._vouched or commit == self._commit
        if commit is None and answer.status not in REDIRECTS and not self._vouched:
            kind = answer.headers.get("content-type", "no type").partition(";")[0]
            raise HubAnswerInvalid(
                f"{answer.origin} answered for {file.path} as no hub does"
                f" (status {answer.status}, {kind})."
            )
        if commit is not None and commit != self._commit:
            raise HubAnswerInvalid(
                f"The hub answered for {file.path} with commit {commit[:40]!r}"
                f" in place of {self._commit}."
            )

    def _next(self, url: str, line: Line, answer: Answer) -> str:
        location = answer.headers.get("location")
        if not location:
            raise HubAnswerInvalid(f"{answer.origin} redirects to nowhere.")
        _drain(line)
        self._lines.keep(line)
        try:
            target = urljoin(url, location)
        except ValueError:
            raise HubAnswerInvalid(
                f"{answer.origin} redirects to an address that is none."
            ) from None
        if urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http":
            raise RedirectRefused(f"{answer.origin} redirects to an address without TLS.")
        return target


def _resolve_base(endpoint: str, plan: DownloadPlan) -> str:
    kind = plan.repo.repo_type
    prefix = "" if kind is RepoType.MODEL else f"{kind.folder_prefix}/"
    return f"{endpoint.rstrip('/')}/{prefix}{plan.repo.repo_id}/resolve/{plan.commit}/"


def _target(url: str) -> str:
    parts = urlsplit(url)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]")
    return f"{path}?{query}" if query else path


def _body(line: Line, answer: Answer, wanted: Wanted) -> Body:
    _refuse_page(answer, wanted.file)
    validator = _strong(answer.headers)
    if answer.status == 200:
        return Body(line, 0, False, validator)
    start, size = _content_range(answer)
    if start != wanted.start or size not in {None, wanted.file.size_bytes}:
        raise OtherBytes(_which(start, size))
    return Body(line, wanted.start, True, validator)


def _which(start: int | None, size: int | None) -> str:
    if start is None:
        return "it did not say which bytes it sent"
    return f"it sent bytes from {start:,}" + (f" of {size:,}" if size is not None else "")


def _refuse_page(answer: Answer, file: RemoteFile) -> None:
    """A page in place of a file: what a captive portal or a filtering proxy sends."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_page = kind == "text/html" and not file.path.lower().endswith((".html", ".htm"))
    if is_page and answer.length != file.size_bytes:
        raise HubAnswerInvalid(f"{answer.origin} sent a web page in place of {file.path}.")


def _content_range(answer: Answer) -> tuple[int | None, int | None]:
    match = CONTENT_RANGE.match(answer.headers.get("content-range", ""))
    if match is None:
        return None, None
    start, size = match.groups()
    return (int(start) if start else None), (int(size) if size != "*" else None)


def _strong(headers: Mapping[str, str]) -> str | None:
    etag = headers.get("etag", "").strip()
    return etag if etag.startswith('"') and len(etag) <= 200 else None


def _drain(line: Line) -> None:
    """Read a redirect's short body, so that the connection can be kept; a long one is left."""
    scrap = memoryview(bytearray(SMALL_BODY_BYTES))
    with contextlib.suppress(LineBroken):
        while scrap and (count := line.read_into(scrap)):
            scrap = scrap[count:]
