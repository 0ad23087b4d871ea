"""Accounts as rows; the rule that one administrator stays holds here, in one transaction."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from yipyap_core.domain.users import Role, User
from yipyap_core.errors import LastAdministrator, SetupClosed, UnknownUser, UserExists
from yipyap_core.stores.engine import exclusive
from yipyap_core.stores.schema import users

_COLUMNS = [column for column in users.columns if column.name != "password_hash"]
_BY_NAME = sa.select(*_COLUMNS).where(users.c.username == sa.bindparam("username"))


@dataclass(frozen=True, slots=True)
class UserChange:
    """What an update sets; None leaves a field as it is."""

    name: str | None = None
    role: Role | None = None
    disabled: bool | None = None
    password_hash: str | None = None

    @property
    def ends_sessions(self) -> bool:
        """Whether credentials issued before the change stop counting."""
        return any(value is not None for value in (self.role, self.disabled, self.password_hash))

    def values(self) -> dict[str, Any]:
        """The columns to write."""
        fields = {
            "name": self.name,
            "role": self.role.value if self.role else None,
            "disabled": self.disabled,
            "password_hash": self.password_hash,
        }
        return {key: value for key, value in fields.items() if value is not None}


class UserStore:
    """Accounts, with their password hashes kept inside but for `password_hash`."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use a store that `migrate` has brought to the present schema."""
        self._engine = engine

    @property
    def is_local(self) -> bool:
        """Whether a read is no journey: SQLite with WAL, where readers wait for nobody."""
        return self._engine.dialect.name == "sqlite"

    def answers(self) -> bool:
        """Whether the store can be read at this moment."""
        try:
            self.is_empty()
        except sa.exc.SQLAlchemyError:
            return False
        return True

    def is_empty(self) -> bool:
        """Whether no account exists, disabled ones counted."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(users.c.username).limit(1)).first() is None

    def get(self, username: str) -> User | None:
        """Find one account by its exact name."""
        with self._engine.connect() as connection:
            row = connection.execute(_BY_NAME, {"username": username}).first()
        return None if row is None else _user(row)

    def password_hash(self, username: str) -> str | None:
        """Read the bcrypt hash, for the one place that compares passwords."""
        query = sa.select(users.c.password_hash).where(users.c.username == username)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def list(self) -> tuple[User, ...]:
        """Every account, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(*_COLUMNS).order_by(users.c.username)).all()
        return tuple(_user(row) for row in rows)

    def add(self, user: User, password_hash: str) -> None:
        """Store a new account; raises `UserExists` when the name is taken."""
        try:
            with self._engine.begin() as connection:
                connection.execute(_insert(user, password_hash))
        except sa.exc.IntegrityError as error:
            raise UserExists(user.username) from error

    def add_first(self, user: User, password_hash: str) -> None:
        """Store the very first account; raises `SetupClosed` when another process was faster."""
        with exclusive(self._engine, users) as connection:
            if connection.execute(sa.select(users.c.username).limit(1)).first():
                raise SetupClosed("The set-up is over: a user exists already.")
            connection.execute(_insert(user, password_hash))

    def update(self, username: str, change: UserChange, *, now: dt.datetime) -> User:
        """Apply `change`; raises `UnknownUser` or, for the last one, `LastAdministrator`."""
        with exclusive(self._engine, users) as connection:
            before = _existing(connection, username)
            stays = (change.role or before.role) is Role.ADMIN and not (
                before.disabled if change.disabled is None else change.disabled
            )
            _keep_an_administrator(connection, before, stays)
            values = change.values()
            if change.ends_sessions:
                values["valid_after"] = now
            if values:
                connection.execute(_update(username).values(values))
            return _existing(connection, username)

    def remove(self, username: str) -> None:
        """Delete the account; raises `UnknownUser` or, for the last one, `LastAdministrator`."""
        with exclusive(self._engine, users) as connection:
            _keep_an_administrator(connection, _existing(connection, username), stays=False)
            connection.execute(sa.delete(users).where(users.c.username == username))

    def end_sessions(self, username: str, *, now: dt.datetime) -> None:
        """Make every credential issued before `now` stop counting."""
        with self._engine.begin() as connection:
            connection.execute(_update(username).values(valid_after=now))

    def record_sign_in(self, username: str, *, now: dt.datetime) -> None:
        """Remember the moment of a successful sign-in."""
        with self._engine.begin() as connection:
            connection.execute(_update(username).values(last_sign_in=now))


def _keep_an_administrator(connection: sa.Connection, before: User, stays: bool) -> None:
    """Raise `LastAdministrator` when `before` is the only active one and would not stay one."""
    if stays or before.role is not Role.ADMIN or before.disabled:
        return
    others = sa.select(users.c.username).where(
        users.c.role == Role.ADMIN.value,
        users.c.disabled == sa.false(),
        users.c.username != before.username,
    )
    if connection.execute(others.limit(1)).first() is None:
        raise LastAdministrator


def _existing(connection: sa.Connection, username: str) -> User:
    row = connection.execute(_BY_NAME, {"username": username}).first()
    if row is None:
        raise UnknownUser(username)
    return _user(row)


def _update(username: str) -> sa.Update:
    return sa.update(users).where(users.c.username == username)


def _insert(user: User, password_hash: str) -> sa.Insert:
    return sa.insert(users).values(
        username=user.username,
        name=user.name,
        role=user.role.value,
        password_hash=password_hash,
        disabled=user.disabled,
        created_at=user.created_at,
        last_sign_in=user.last_sign_in,
        valid_after=user.valid_after,
    )


def _user(row: sa.Row[Any]) -> User:
    return User(
        username=row.username,
        name=row.name,
        role=Role(row.role),
        disabled=row.disabled,
        created_at=row.created_at,
        last_sign_in=row.last_sign_in,
        valid_after=row.valid_after,
    )
