"""The one-time code that lets the first administrator choose a name and a password."""

from __future__ import annotations

import hashlib
import hmac
import secrets


class SetupCode:
    """Remembers the hash of the newest code, in this process only; a restart makes a new one."""

    def __init__(self) -> None:
        """Start with no code that would match."""
        self._digest: bytes | None = None

    def renew(self) -> str:
        """Make a code and forget the one before."""
        code = secrets.token_urlsafe(32)
        self._digest = _digest(code)
        return code

    def matches(self, code: str) -> bool:
        """Whether `code` is the newest one and was not used."""
        return self._digest is not None and hmac.compare_digest(self._digest, _digest(code))

    def drop(self) -> None:
        """Let no code match any more."""
        self._digest = None


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode(errors="replace")).digest()
