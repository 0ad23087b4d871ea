"""Personal API tokens: shown once, stored hashed, limited to a role and to a time."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from yipyap_core.domain.api_tokens import ApiToken
from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import Conflict, Invalid, Unauthenticated, UnknownToken
from yipyap_core.stores.api_tokens import ApiTokenStore

PREFIX = "yip_"
"""Lets a person, and a scanner for leaked secrets, recognise a token."""

DEFAULT_DAYS = 90
MAX_DAYS = 366
MAX_PER_USER = 100
TOUCH_EVERY = dt.timedelta(minutes=1)

Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token at the only moment at which its secret is known."""

    token: ApiToken
    secret: str


class PersonalTokens:
    """Creates, finds and revokes personal tokens."""

    def __init__(self, store: ApiTokenStore, *, clock: Clock) -> None:
        """Keep hashes in `store`; `clock` gives aware moments."""
        self._store = store
        self._clock = clock

    def of(self, principal: Principal) -> tuple[ApiToken, ...]:
        """The caller's own tokens, the newest first."""
        return self._store.of_user(principal.username)

    def create(
        self, principal: Principal, *, name: str, role: Role | None, days: int | None
    ) -> NewToken:
        """Make a token for the caller; raises `Invalid` for a role above the caller's."""
        role = role or principal.role
        _check(principal, name, role, days)
        if len(self._store.of_user(principal.username)) >= MAX_PER_USER:
            raise Conflict(
                f"You have {MAX_PER_USER} tokens already.", hint="Revoke those you no longer use."
            )
        now = self._clock()
        secret = PREFIX + secrets.token_urlsafe(32)
        token = ApiToken(
            id=secrets.token_hex(8),
            username=principal.username,
            name=name.strip(),
            role=role,
            created_at=now,
            expires_at=now + dt.timedelta(days=days or DEFAULT_DAYS),
        )
        self._store.add(token, _digest(secret))
        return NewToken(token, secret)

    def revoke(self, principal: Principal, token_id: str) -> None:
        """Delete one of the caller's own tokens; raises `UnknownToken`."""
        if not self._store.remove(principal.username, token_id):
            raise UnknownToken("You have no token with this id.")

    def revoke_all(self, username: str) -> None:
        """Delete every token of a user who goes."""
        self._store.remove_all(username)

    def find(self, secret: str) -> ApiToken:
        """The token that a request presented; raises `Unauthenticated` when it does not count."""
        token = self._store.by_hash(_digest(secret))
        now = self._clock()
        if token is None:
            raise Unauthenticated("The token does not exist or was revoked.", code="invalid_token")
        if token.is_expired(now):
            raise Unauthenticated("The token has expired; make a new one.", code="expired")
        if token.last_used_at is None or now - token.last_used_at >= TOUCH_EVERY:
            self._store.touch(token.id, now=now)
        return token


def _check(principal: Principal, name: str, role: Role, days: int | None) -> None:
    fields = {}
    if not (0 < len(name.strip()) <= 128 and name.isprintable()):
        fields["name"] = "Use 1 to 128 printable characters."
    if role.rank > principal.role.rank:
        fields["role"] = f"Your own role is {principal.role.value}; a token cannot exceed it."
    if days is not None and not 1 <= days <= MAX_DAYS:
        fields["expires_in_days"] = f"Choose 1 to {MAX_DAYS} days."
    if fields:
        raise Invalid("The token cannot be made like this.", fields=fields)


def _digest(secret: str) -> str:
    """Plain sha256 is enough for 32 random bytes; nobody can guess them."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
