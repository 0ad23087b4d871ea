"""Personal API tokens as rows: only the hash of a secret is ever stored."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from yipyap_core.domain.api_tokens import ApiToken
from yipyap_core.domain.users import Role
from yipyap_core.stores.schema import api_tokens

_COLUMNS = [column for column in api_tokens.columns if column.name != "token_hash"]


class ApiTokenStore:
    """Tokens of all users; the caller says whose are meant."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use a store that `migrate` has brought to the present schema."""
        self._engine = engine

    def add(self, token: ApiToken, token_hash: str) -> None:
        """Store a new token under the sha256 of its secret."""
        values = {**asdict(token), "role": token.role.value, "token_hash": token_hash}
        with self._engine.begin() as connection:
            connection.execute(sa.insert(api_tokens).values(values))

    def by_hash(self, token_hash: str) -> ApiToken | None:
        """Find the token that a request presented."""
        query = sa.select(*_COLUMNS).where(api_tokens.c.token_hash == token_hash)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _token(row)

    def of_user(self, username: str) -> tuple[ApiToken, ...]:
        """One user's tokens, the newest first, expired ones included."""
        query = sa.select(*_COLUMNS).where(api_tokens.c.username == username)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(api_tokens.c.created_at.desc())).all()
        return tuple(_token(row) for row in rows)

    def remove(self, username: str, token_id: str) -> bool:
        """Delete one of the user's tokens; False when there is none with this id."""
        query = sa.delete(api_tokens).where(
            api_tokens.c.username == username, api_tokens.c.id == token_id
        )
        with self._engine.begin() as connection:
            return connection.execute(query).rowcount > 0

    def remove_all(self, username: str) -> None:
        """Delete every token of a user who goes."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(api_tokens).where(api_tokens.c.username == username))

    def touch(self, token_id: str, *, now: dt.datetime) -> None:
        """Remember when the token was last used."""
        query = sa.update(api_tokens).where(api_tokens.c.id == token_id).values(last_used_at=now)
        with self._engine.begin() as connection:
            connection.execute(query)


def _token(row: sa.Row[Any]) -> ApiToken:
    return ApiToken(
        id=row.id,
        username=row.username,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
