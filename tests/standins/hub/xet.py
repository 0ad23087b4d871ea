"""The chunk store: tells how a file is put together, and hands out what it is made of.

It lives at the blob port. Tokens for it come from the hub, which has looked at the repository's
gate by then; addresses of xorbs are signed and expire as those of blobs do. It knows the newer
question (`/v2/`, addresses by xorb) and the older one (`/v1/`, addresses by range).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from tests.standins.connections import Request
from tests.standins.hub.answers import (
    Answer,
    Routed,
    Stage,
    error,
    json_answer,
    requested_range,
    whole_file,
)
from tests.standins.hub.catalog import Catalog
from tests.standins.hub.repos import Entry, Repo
from tests.standins.hub.signing import Signer, denied
from tests.standins.hub.xorbs import Xorb, xorbs_of

TOKEN_SECONDS = 3600


class ChunkStore:
    """Answers reconstructions, xorbs and nothing else, to holders of its tokens."""

    def __init__(
        self,
        catalog: Catalog,
        signer: Signer,
        *,
        url: Callable[[], str],
        signature_seconds: Callable[[], float],
    ) -> None:
        """Keep what `catalog` declares as offered by such a store, reachable at `url`."""
        self._catalog = catalog
        self._signer = signer
        self._url = url
        self._signature_seconds = signature_seconds
        self._tokens: dict[str, Repo] = {}

    def token(self, repo: Repo) -> Answer:
        """Leave to read the files of one repository for an hour."""
        value, expires = secrets.token_hex(16), int(time.time()) + TOKEN_SECONDS
        self._tokens[value] = repo
        told = {"accessToken": value, "exp": expires, "casUrl": self._url()}
        return json_answer(told).with_headers(
            X_Xet_Cas_Url=self._url(),
            X_Xet_Access_Token=value,
            X_Xet_Token_Expiration=str(expires),
        )

    def route(self, request: Request) -> Routed | None:
        """The answer to an address of the store, None for any other."""
        match request.segments:
            case ["v1" | "v2" as version, "reconstructions", xet_hash]:
                return self._reconstruction(version, xet_hash, request)
            case ["xorbs", xet_hash, number] if number.isdecimal():
                return self._xorb(xet_hash, int(number), request)
        return None

    def _reconstruction(self, version: str, xet_hash: str, request: Request) -> Routed:
        repo = self._repo_of(request)
        if repo is None:
            return Routed(error(401, "Invalid or expired token"), Stage.CAS)
        entry = _find(repo, xet_hash)
        if entry is None:
            return Routed(error(404, "File not found"), Stage.CAS, repo.repo_id)
        answer = self._terms(version, entry, request)
        return Routed(answer, Stage.CAS, repo.repo_id, entry.path)

    def _repo_of(self, request: Request) -> Repo | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        return self._tokens.get(value) if scheme.lower() == "bearer" else None

    def _terms(self, version: str, entry: Entry, request: Request) -> Answer:
        first, last = requested_range(request) or (0, None)
        end = entry.size_bytes - 1 if last is None else min(last, entry.size_bytes - 1)
        if first is None or first > end:
            return error(416, "The range is beyond the end of the file")
        xorbs = list(xorbs_of(entry, first, end))
        told = {
            "offset_into_first_range": first - xorbs[0].start,
            "terms": [_term(xorb) for xorb in xorbs],
        }
        if version == "v1":
            told["fetch_info"] = {xorb.hash: [self._by_range(xorb)] for xorb in xorbs}
        else:
            told["xorbs"] = {xorb.hash: [self._by_xorb(xorb)] for xorb in xorbs}
        return json_answer(told)

    def _by_range(self, xorb: Xorb) -> dict[str, Any]:
        return {"range": _chunks(xorb), "url": self._address(xorb), "url_range": _bytes(xorb)}

    def _by_xorb(self, xorb: Xorb) -> dict[str, Any]:
        ranges = [{"chunks": _chunks(xorb), "bytes": _bytes(xorb)}]
        return {"url": self._address(xorb), "ranges": ranges}

    def _address(self, xorb: Xorb) -> str:
        path = f"/xorbs/{xorb.entry.xet_hash}/{xorb.number}"
        return self._url() + self._signer.sign(path, xorb.entry.path, self._signature_seconds())

    def _xorb(self, xet_hash: str, number: int, request: Request) -> Routed:
        repo, entry = self._find_anywhere(xet_hash)
        if repo is None or entry is None:
            return Routed(denied("No such xorb"), Stage.CDN)
        refused = self._signer.refuse(request)
        if refused is not None:
            return Routed(refused, Stage.CDN, repo.repo_id, entry.path)
        xorb = Xorb(entry, number)
        answer = whole_file(xorb.content, xorb.hash)
        return Routed(answer, Stage.CDN | Stage.CONTENT, repo.repo_id, entry.path)

    def _find_anywhere(self, xet_hash: str) -> tuple[Repo | None, Entry | None]:
        for repo in self._catalog.all():
            if (entry := _find(repo, xet_hash)) is not None:
                return repo, entry
        return None, None


def _find(repo: Repo, xet_hash: str) -> Entry | None:
    entries = (entry for commit in repo.commits for entry in commit.files.values())
    return next((one for one in entries if one.in_store and one.xet_hash == xet_hash), None)


def _term(xorb: Xorb) -> dict[str, Any]:
    return {"hash": xorb.hash, "unpacked_length": xorb.count, "range": _chunks(xorb)}


def _chunks(xorb: Xorb) -> dict[str, int]:
    """All chunks of a xorb, the end not included."""
    return {"start": 0, "end": xorb.chunks}


def _bytes(xorb: Xorb) -> dict[str, int]:
    """All bytes of a stored xorb, the end included."""
    return {"start": 0, "end": xorb.content.size_bytes - 1}
