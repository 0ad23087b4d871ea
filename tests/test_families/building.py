"""A store, a package of families, values that fit or do not fit a field: for the tests beside."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st

from yipyap_core.domain.users import Principal, Role
from yipyap_core.families.base import FamilyConfig
from yipyap_core.families.fields import ConfigField, FieldKind, fields_of
from yipyap_core.stores.engine import migrate, open_engine

ADA = Principal(username="ada", name="Ada", role=Role.ADMIN)
BOB = Principal(username="bob", name="Bob", role=Role.ADMIN)
EVE = Principal(username="eve", name="Eve", role=Role.USER)

ANYTHING: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-5000, 5000)
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9)
    | st.text(max_size=30)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)

TEXTS = st.sampled_from(
    ["http://127.0.0.1:11434", "https://models.example/ollama", "llama2:7b", "qwen3:8b", "a"]
)


def opened(folder: Path) -> sa.Engine:
    """Open a migrated store in a folder."""
    engine = open_engine(f"sqlite:///{folder / 'store.sqlite3'}")
    migrate(engine)
    return engine


@contextmanager
def package(folder: Path, files: dict[str, str]) -> Iterator[str]:
    """Make a package of Python files that can be imported inside the block."""
    name = f"found_{uuid.uuid4().hex}"
    home = folder / name
    home.mkdir()
    for file, text in {"__init__.py": "", **files}.items():
        (home / file).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        yield name
    finally:
        sys.path.remove(str(folder))
        for module in [one for one in sys.modules if one.split(".")[0] == name]:
            del sys.modules[module]


def fitting(field: ConfigField) -> st.SearchStrategy[Any]:
    """Values that a field must accept; paths stay empty, for they are looked at on the disk."""
    makers: dict[FieldKind, Callable[[], st.SearchStrategy[Any]]] = {
        FieldKind.SWITCH: st.booleans,
        FieldKind.CHOICE: lambda: st.sampled_from([one.value for one in field.choices]),
        FieldKind.INTEGER: lambda: st.integers(_whole(field.minimum), _whole(field.maximum)),
        FieldKind.NUMBER: lambda: st.floats(_number(field.minimum), _number(field.maximum)),
        FieldKind.TEXT: lambda: st.just("") if field.path else st.just(field.default),
    }
    values = makers[field.kind]()
    return values | st.none() if field.nullable else values


def documents(config: type[FamilyConfig]) -> st.SearchStrategy[dict[str, Any]]:
    """Any subset of a configuration's fields with values that fit each field alone."""
    return st.fixed_dictionaries(
        {}, optional={field.name: fitting(field) for field in fields_of(config)}
    )


def attempts(config: type[FamilyConfig]) -> st.SearchStrategy[dict[str, Any]]:
    """Documents as anyone may send them: right, nearly right and wrong."""
    fields = {one.name: fitting(one) | TEXTS | ANYTHING for one in fields_of(config)}
    return st.fixed_dictionaries({}, optional={**fields, "no_such_field": ANYTHING})


def _whole(bound: float | None) -> int:
    assert bound is not None
    return int(bound)


def _number(bound: float | None) -> float:
    assert bound is not None
    return bound
