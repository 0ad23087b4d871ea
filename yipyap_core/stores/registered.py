"""Repositories that administrators added to the registry; they outlive the process."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import sqlalchemy as sa

from yipyap_core.domain.models import ModelSpec, RepoType
from yipyap_core.errors import InvalidName, ModelExists
from yipyap_core.stores.schema import registered_models as table

log = logging.getLogger(__name__)

Stamp = tuple[tuple[Any, ...], ...]
"""Equal as long as nothing was added or removed, by whichever process."""

_STAMP = sa.text("SELECT id, created_at FROM registered_models ORDER BY created_at, id")
"""As the driver gives it: a stamp is only compared, and read with each request."""


class RegisteredModelStore:
    """Models by id, in the order in which they were added."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use the tables of `engine`, which must exist."""
        self._engine = engine

    @property
    def is_local(self) -> bool:
        """Whether a read is no journey: SQLite with WAL, where readers wait for nobody."""
        return self._engine.dialect.name == "sqlite"

    def stamp(self) -> Stamp:
        """Read which models there are, without what they are: cheap enough for every request."""
        with self._engine.connect() as connection:
            return tuple(map(tuple, connection.execute(_STAMP).all()))

    def all(self) -> tuple[ModelSpec, ...]:
        """Read every model; one that this version cannot understand is left out and logged."""
        query = sa.select(table.c.id, table.c.spec).order_by(table.c.created_at, table.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        specs = (_parsed(row.id, row.spec) for row in rows)
        return tuple(spec for spec in specs if spec is not None)

    def add(self, spec: ModelSpec, *, actor: str, now: dt.datetime) -> None:
        """Keep one more model; raises `ModelExists` when another process was faster."""
        row = {"id": spec.id, "spec": _as_json(spec), "created_at": now, "actor": actor}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(table).values(**row))
        except sa.exc.IntegrityError as error:
            raise ModelExists(f"A model with the id {spec.id!r} exists already.") from error

    def remove(self, model_id: str) -> bool:
        """Forget one model; says whether it was there."""
        with self._engine.begin() as connection:
            return connection.execute(sa.delete(table).where(table.c.id == model_id)).rowcount > 0


def _as_json(spec: ModelSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "description": spec.description,
        "repo_id": spec.repo_id,
        "repo_type": spec.repo_type.value,
        "revision": spec.revision,
        "allow_patterns": list(spec.allow_patterns),
        "ignore_patterns": list(spec.ignore_patterns),
        "family": spec.family,
    }


def _parsed(model_id: str, stored: dict[str, Any]) -> ModelSpec | None:
    try:
        return ModelSpec(
            id=model_id,
            name=stored["name"],
            description=stored["description"],
            repo_id=stored["repo_id"],
            repo_type=RepoType(stored["repo_type"]),
            revision=stored["revision"],
            allow_patterns=tuple(stored["allow_patterns"]),
            ignore_patterns=tuple(stored["ignore_patterns"]),
            family=stored["family"],
            size_bytes=0,
            license="",
        )
    except (KeyError, TypeError, ValueError, InvalidName):
        log.warning("The registered model %r cannot be read and is left out.", model_id)
        return None
