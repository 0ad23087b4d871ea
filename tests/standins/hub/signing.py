"""Addresses of the blob server that expire, as a content network hands them out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from urllib.parse import urlencode

from tests.standins.connections import Request
from tests.standins.hub.answers import Answer, text

_DENIED = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    "<Error><Code>AccessDenied</Code><Message>{}</Message></Error>"
)


class Signer:
    """Signs the address of a blob for a while, and refuses what it has not signed."""

    def __init__(self) -> None:
        """Choose a secret."""
        self._secret = secrets.token_bytes(16)

    def expire_all(self) -> None:
        """Make every address handed out so far a stale one."""
        self._secret = secrets.token_bytes(16)

    def sign(self, address: str, path: str, lifetime_seconds: float) -> str:
        """The quoted path `address` with a query with which it may be read for so long."""
        claims = {"path": path, "Expires": f"{time.time() + lifetime_seconds:.3f}"}
        signature = self._signature(address, claims)
        return f"{address}?{urlencode({**claims, 'Signature': signature})}"

    def refuse(self, request: Request) -> Answer | None:
        """The 403 for a wrong or stale signature, None when it holds."""
        given = {name: values[0] for name, values in request.query.items()}
        signature = given.pop("Signature", "")
        if not hmac.compare_digest(signature, self._signature(request.raw_path, given)):
            return denied("Invalid signature")
        if time.time() >= float(given["Expires"]):
            return denied("Request has expired")
        return None

    def _signature(self, address: str, claims: dict[str, str]) -> str:
        text = f"{address}?{urlencode(claims)}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()


def denied(reason: str) -> Answer:
    """What the blob server says to who may not read."""
    return text(403, _DENIED.format(reason), "application/xml")
