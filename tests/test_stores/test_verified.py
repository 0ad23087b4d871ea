from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from yipyap_core.domain.verified import BlobStamp
from yipyap_core.stores.preferences import PreferenceStore
from yipyap_core.stores.verified import VerifiedStore

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def test_a_blob_is_remembered_as_it_looked_last(engine: sa.Engine) -> None:
    store = VerifiedStore(engine)
    old = BlobStamp("models--a", "e" * 64, 10, 1)
    new = BlobStamp("models--a", "e" * 64, 10, 2)
    store.remember([old, BlobStamp("models--b", "e" * 64, 10, 1)], NOW)
    store.remember([new], NOW)
    assert store.of_folder("models--a") == {new}
    store.forget("models--a", "e" * 64)
    assert store.of_folder("models--a") == frozenset()
    assert len(store.of_folder("models--b")) == 1


def test_thousands_are_remembered_in_batches(engine: sa.Engine) -> None:
    store = VerifiedStore(engine)
    stamps = [BlobStamp("models--a", f"{number:064d}", number, number) for number in range(1_200)]
    store.remember(stamps, NOW)
    assert store.of_folder("models--a") == set(stamps)


def test_a_preference_is_replaced(engine: sa.Engine) -> None:
    store = PreferenceStore(engine)
    assert store.get("limits", {"a": 1}) == {"a": 1}
    for value in ({"a": 2}, {"a": None}):
        store.set("limits", value, actor="ada", now=NOW)
        assert store.get("limits") == value
