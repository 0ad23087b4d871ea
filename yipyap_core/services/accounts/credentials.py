"""Makes and reads signed credentials: bearer tokens of the API and the dashboard's cookie.

Reading says who a credential was issued to and when; whether it still counts is decided from the
store at each request. Each kind has a key of its own, so neither passes as the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from yipyap_core.errors import Unauthenticated
from yipyap_core.stores.secrets import derive_key

ALGORITHM = "HS256"
AUDIENCE = "api"
COOKIE_NAME = "yipyap_session"

Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class Claim:
    """Whom a genuine credential names, and when it was issued."""

    username: str
    issued_at: dt.datetime


class Credentials:
    """The keys of one installation and what is signed with them."""

    def __init__(
        self, secret: bytes, *, token_minutes: int, cookie_days: float, clock: Clock
    ) -> None:
        """Derive the keys; the cookie's depends on its life, from which its issue is computed."""
        self._api_key = derive_key(secret, "api")
        self.cookie_key = derive_key(secret, f"cookie of {cookie_days!r} days").hex()
        self.token_seconds = token_minutes * 60
        self._cookie_life = dt.timedelta(days=cookie_days)
        self._clock = clock

    def bearer(self, username: str) -> str:
        """Sign a token of the API for an hour or what the settings say."""
        issued = self._clock().timestamp()
        claims = {
            "sub": username,
            "aud": AUDIENCE,
            "iat": issued,  # with its fraction: sign-out and sign-in may share a second
            "exp": issued + self.token_seconds,
        }
        return jwt.encode(claims, self._api_key, algorithm=ALGORITHM)

    def read_bearer(self, token: str) -> Claim:
        """Check signature, audience and expiry; raises `Unauthenticated`."""
        payload = _decode(token, self._api_key, audience=AUDIENCE)
        self._refuse_expired(payload.get("exp"))
        return _claim(payload.get("sub"), _moment(payload.get("iat")))

    def read_cookie(self, cookie: str) -> Claim:
        """Check what streamlit-authenticator signed; raises `Unauthenticated`.

        Its payload is a name and an expiry, local time plus the cookie's life; the issue is found
        by the same way back.
        """
        payload = _decode(cookie, self.cookie_key.encode(), audience=None)
        self._refuse_expired(payload.get("exp_date"))
        expiry = _moment(payload.get("exp_date")).astimezone().replace(tzinfo=None)
        issued = (expiry - self._cookie_life).astimezone(dt.UTC)
        return _claim(payload.get("username"), issued)

    def _refuse_expired(self, expiry: object) -> None:
        if _moment(expiry) <= self._clock():
            raise Unauthenticated("The sign-in has expired.", code="expired")


def _decode(token: str, key: bytes, *, audience: str | None) -> dict[str, Any]:
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": audience is not None}
    try:
        return jwt.decode(token, key, algorithms=[ALGORITHM], audience=audience, options=options)
    except (jwt.InvalidTokenError, ValueError) as error:
        raise _not_genuine() from error


def _moment(value: object) -> dt.datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _not_genuine()
    try:
        return dt.datetime.fromtimestamp(value, dt.UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise _not_genuine() from error


def _claim(username: object, issued_at: dt.datetime) -> Claim:
    if not isinstance(username, str):
        raise _not_genuine()
    return Claim(username, issued_at)


def _not_genuine() -> Unauthenticated:
    return Unauthenticated(
        "The credential is not one that this server issued.", code="invalid_token"
    )
