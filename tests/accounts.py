"""Accounts over a real store in a temporary folder, with cheap hashes and a clock of the test."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import sqlalchemy as sa

from yipyap_core.domain.users import SYSTEM, Role, User
from yipyap_core.services.accounts.service import AccountsService, open_accounts
from yipyap_core.settings import Settings
from yipyap_core.stores.engine import migrate, open_engine

PASSWORD = "correct horse battery"
ROUNDS = 4  # the least that bcrypt knows
HERE = "127.0.0.1"

LOSSES: dict[str, Callable[[AccountsService, str], object]] = {
    "demoted": lambda accounts, name: accounts.update_user(SYSTEM, name, role=Role.USER),
    "disabled": lambda accounts, name: accounts.update_user(SYSTEM, name, disabled=True),
    "deleted": lambda accounts, name: accounts.remove_user(SYSTEM, name),
    "signed out": lambda accounts, name: accounts.sign_out(name),
    "password changed": lambda accounts, name: accounts.update_user(
        SYSTEM, name, password="another horse battery"
    ),
}
"""After each of these a sign-in of before counts no more; a replayed cookie is one signed out."""


@dataclass
class Clock:
    """A clock that moves when the test says so."""

    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    def __call__(self) -> dt.datetime:
        """Tell the moment."""
        return self.now

    def advance(self, **span: float) -> None:
        """Move on, by the arguments of `timedelta`."""
        self.now += dt.timedelta(**span)


@dataclass(frozen=True)
class People:
    """The service with what stands around it."""

    accounts: AccountsService
    clock: Clock
    settings: Settings
    engine: sa.Engine

    def add(self, username: str, role: Role = Role.USER, password: str = PASSWORD) -> User:
        """Make an account."""
        return self.accounts.add_user(SYSTEM, username, username.title(), role, password)

    def bearer(self, username: str) -> str:
        """Sign in as the API does."""
        user = self.accounts.authenticate(username, PASSWORD, HERE)
        return self.accounts.issue_token(user).access_token

    def cookie(self, username: str) -> str:
        """Make the dashboard's cookie the way streamlit-authenticator does."""
        return make_cookie(
            self.accounts.cookie_key(), username, self.clock(), self.settings.cookie_days
        )


def make_cookie(key: str, username: str, issued: dt.datetime, days: float) -> str:
    """Sign a cookie as streamlit-authenticator 0.4 does: local time, a name and an expiry."""
    local = issued.astimezone().replace(tzinfo=None)
    expiry = (local + dt.timedelta(days=days)).timestamp()
    return jwt.encode({"username": username, "exp_date": expiry}, key, algorithm="HS256")


def open_people(home: Path, engine: sa.Engine | None = None) -> People:
    """Open a store with no user in it."""
    settings = Settings(home=home)
    engine = engine or open_engine(settings.store_url)
    migrate(engine)
    clock = Clock()
    return People(
        open_accounts(settings, engine, clock=clock, rounds=ROUNDS), clock, settings, engine
    )
