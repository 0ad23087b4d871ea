"""Credentials that scripts hold: what is known of them after they were shown once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from yipyap_core.domain.users import Role


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One personal token, without its secret."""

    id: str
    username: str
    name: str
    role: Role
    """The most it may do; the user's own role at the request caps it further."""
    created_at: dt.datetime
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None = None

    def is_expired(self, now: dt.datetime) -> bool:
        """Whether it has stopped counting by itself."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A short-lived bearer token, as `POST /api/token` answers it."""

    access_token: str
    expires_in_seconds: int
    role: Role
