"""Rows that several threads or processes make at the same moment: one stays, nobody fails."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from tests.test_stores.test_jobs_store import job
from yipyap_core.domain.verified import BlobStamp
from yipyap_core.stores.cache import CacheScanStore, ModelUseStore
from yipyap_core.stores.jobs import JobStore
from yipyap_core.stores.preferences import PreferenceStore
from yipyap_core.stores.verified import VerifiedStore

WRITERS = 8
NOW = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)


def at_once(write: Callable[[int], object]) -> None:
    """Let every writer begin at the same moment; raises what one of them raised."""
    start = threading.Barrier(WRITERS)

    def wait_and_write(number: int) -> None:
        start.wait(30)
        write(number)

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(wait_and_write, range(WRITERS)))


def test_the_latest_use_stays(engine: sa.Engine) -> None:
    store, folders = ModelUseStore(engine), ("models--a", "models--b", "models--c")

    def use(number: int) -> None:
        for folder in folders:
            store.touch(folder, NOW + dt.timedelta(seconds=number))

    at_once(use)
    assert store.last_used() == dict.fromkeys(folders, NOW + dt.timedelta(seconds=WRITERS - 1))


def test_an_older_use_changes_nothing(engine: sa.Engine) -> None:
    store = ModelUseStore(engine)
    store.touch("models--a", NOW)
    store.touch("models--a", NOW - dt.timedelta(days=1))
    assert store.last_used() == {"models--a": NOW}


def test_one_of_the_walks_is_kept(engine: sa.Engine) -> None:
    store = CacheScanStore(engine)
    at_once(lambda number: store.save("/cache", NOW, {"number": number}))
    found = store.load("/cache")
    assert found is not None
    assert found["number"] in range(WRITERS)


def test_moves_in_the_queue_leave_every_job_a_place_of_its_own(engine: sa.Engine) -> None:
    store = JobStore(engine)
    jobs = [store.add(job(f"job{number}"), "Queued.")[0] for number in range(WRITERS)]

    def move(number: int) -> None:
        for steps in (-3, 5, -1):
            assert store.shift(jobs[number], steps)

    at_once(move)
    assert len({one.position for one in store.live()}) == WRITERS


def test_one_of_the_preferences_is_kept(engine: sa.Engine) -> None:
    store = PreferenceStore(engine)
    at_once(lambda number: store.set("limit", number, actor="alice", now=NOW))
    assert store.get("limit") in range(WRITERS)


def test_one_of_the_documents_is_kept_until_it_is_removed(engine: sa.Engine) -> None:
    store = JobStore(engine)
    at_once(lambda number: store.save_document("job", [number]))
    assert store.document("job") in [[number] for number in range(WRITERS)]
    store.save_document("job", None)
    assert store.document("job") is None


def test_blobs_are_remembered_by_all(engine: sa.Engine) -> None:
    store = VerifiedStore(engine)
    stamps = [BlobStamp("models--a", f"{number:064x}", number, number) for number in range(40)]
    at_once(lambda _: store.remember(stamps, NOW))
    assert store.of_folder("models--a") == set(stamps)
