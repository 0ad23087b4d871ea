"""The store of the repositories that administrators added."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from yipyap_core.domain.models import ModelSpec, RepoType
from yipyap_core.errors import ModelExists
from yipyap_core.stores.registered import RegisteredModelStore

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
SPEC = ModelSpec(
    id="my-tagger",
    name="My tagger",
    description="Mine",
    repo_id="someone/my-tagger",
    repo_type=RepoType.SPACE,
    revision="v1.0",
    allow_patterns=("*.onnx", "ä/*"),
    ignore_patterns=("old/",),
    family="wdv3",
    size_bytes=0,
    license="",
)


@pytest.fixture
def store(engine: sa.Engine) -> RegisteredModelStore:
    return RegisteredModelStore(engine)


def test_models_are_read_as_they_were_added(store: RegisteredModelStore) -> None:
    store.add(SPEC, actor="ada", now=NOW)
    assert store.all() == (SPEC,)
    with pytest.raises(ModelExists):
        store.add(SPEC, actor="bob", now=NOW)


def test_the_stamp_moves_with_each_change_and_only_then(store: RegisteredModelStore) -> None:
    empty = store.stamp()
    store.add(SPEC, actor="ada", now=NOW)
    added = store.stamp()
    assert empty != added == store.stamp()
    assert store.remove(SPEC.id) and not store.remove(SPEC.id)
    assert store.stamp() == empty
    store.add(SPEC, actor="ada", now=NOW + dt.timedelta(microseconds=1))
    assert store.stamp() not in (empty, added)
