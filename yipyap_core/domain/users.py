"""Who may do what: roles, users, and the principal that every service call carries."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from yipyap_core.errors import Forbidden


class Role(StrEnum):
    """What a user may do; the order of declaration is the order of power."""

    GUEST = "guest"
    USER = "user"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Power as a number, so that roles can be compared."""
        return list(Role).index(self)


@dataclass(frozen=True, slots=True)
class User:
    """One account as the store holds it, without its password hash."""

    username: str
    name: str
    role: Role
    disabled: bool
    created_at: dt.datetime
    last_sign_in: dt.datetime | None
    valid_after: dt.datetime
    """Credentials issued before this moment no longer count."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a service, resolved from the store at this very request."""

    username: str
    name: str
    role: Role

    @property
    def is_admin(self) -> bool:
        """Whether administrators' pages and endpoints are open."""
        return self.role is Role.ADMIN

    def require_admin(self) -> None:
        """Raise `Forbidden` unless this is an administrator."""
        if not self.is_admin:
            raise Forbidden("Only administrators may do this.")


SYSTEM = Principal(username="system", name="yipyap", role=Role.ADMIN)
"""Acts for the server itself: restart reconciliation, scheduled work."""
