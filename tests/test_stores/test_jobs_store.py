from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from yipyap_core.domain.jobs import Failure, Job, JobKind, JobState, Phase, Progress
from yipyap_core.errors import NotRunning, UnknownJob
from yipyap_core.stores.jobs import LOST, JobStore

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(minutes=1)
DOWNLOAD = JobKind.DOWNLOAD


@pytest.fixture
def store(engine: sa.Engine) -> JobStore:
    return JobStore(engine)


def job(subject: str, **fields: object) -> Job:
    plain = Job(
        id=f"id-{subject}",
        kind=DOWNLOAD,
        subject=subject,
        actor="ada",
        state=JobState.QUEUED,
        phase=Phase.QUEUED,
        progress=Progress(),
        attempt=0,
        priority=0,
        position=0,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def claim(store: JobStore, one: Job, owner: str = "me", limit: int = 9) -> Job | None:
    return store.claim(one, owner=owner, lease_until=LATER, limit=limit, now=NOW)


def end(store: JobStore, one: Job, state: JobState = JobState.DONE) -> Job:
    return store.move(
        one.id, [JobState.RUNNING], state, now=NOW, phase=Phase.DONE, event=("done", "Done.")
    )


def beat(store: JobStore, one: Job, owner: str = "me") -> str | None:
    return store.heartbeat(
        one.id,
        owner=owner,
        phase=Phase.TRANSFERRING,
        progress=Progress(5, 10, 1, 2, "a.bin", 2.5),
        totals=(5, 2.0),
        lease_until=LATER,
        now=NOW,
    )


def test_a_job_comes_back_as_it_was_put_in(store: JobStore) -> None:
    failure = Failure("code", "Sentence.", "Hint.", True)
    one = job("a", payload={"commit": "c" * 40}, failure=failure, not_before=LATER, priority=3)
    added, new = store.add(one, "Queued.")
    assert new
    assert added == replace(one, position=added.position)
    assert store.get(one.id) == added
    with pytest.raises(UnknownJob):
        store.get("nothing")


def test_of_many_who_start_at_once_one_adds_and_all_join(store: JobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: store.add(job("a", id=f"id-{n}"), "Queued."), range(8)))
    assert sum(new for _, new in found) == 1
    assert len({one.id for one, _ in found}) == 1


def test_of_many_who_claim_at_once_one_gets_the_job(store: JobStore) -> None:
    one, _ = store.add(job("a"), "Queued.")
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda n: claim(store, one, f"owner-{n}"), range(8)))
    assert sum(claimed is not None for claimed in claims) == 1


def test_the_limit_holds_over_all_processes(store: JobStore) -> None:
    jobs = [store.add(job(name), "Queued.")[0] for name in "abcdefgh"]
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda one: claim(store, one, one.subject, limit=3), jobs))
    assert sum(claimed is not None for claimed in claims) == 3


def test_a_claim_clears_what_the_wait_left(store: JobStore) -> None:
    failure = Failure("code", "Sentence.", "Hint.", True)
    one, _ = store.add(job("a", failure=failure, not_before=NOW), "Queued.")
    claimed = claim(store, one)
    assert claimed is not None
    assert (claimed.failure, claimed.not_before, claimed.attempt) == (None, None, 1)
    assert claimed.started_at == NOW


def test_a_heartbeat_of_the_owner_is_written_and_of_another_refused(store: JobStore) -> None:
    one, _ = store.add(job("a"), "Queued.")
    claim(store, one)
    assert beat(store, one) is None
    read = store.get(one.id)
    assert (read.progress.bytes_done, read.progress.speed_bps) == (5, 2.5)
    assert (read.progress.eta_seconds, read.progress.current_file) == (2.0, "a.bin")
    assert (read.fetched_bytes, read.active_seconds) == (5, 2.0)
    assert beat(store, one, "another") == LOST
    store.ask(one.id, "pause")
    assert beat(store, one) == "pause"
    end(store, one)
    assert beat(store, one) == LOST


def test_only_the_owner_and_only_from_the_expected_state_may_move(store: JobStore) -> None:
    one, _ = store.add(job("a"), "Queued.")
    claim(store, one)
    with pytest.raises(NotRunning):
        store.move(
            one.id,
            [JobState.RUNNING],
            JobState.DONE,
            now=NOW,
            phase=Phase.DONE,
            event=("done", ""),
            owner="another",
        )
    end(store, one)
    with pytest.raises(NotRunning):
        end(store, one)
    assert [event.kind for event in store.events(one.id)] == ["queued", "done"]


def test_an_ended_job_makes_room_for_another_of_its_subject(store: JobStore) -> None:
    one, _ = store.add(job("a"), "Queued.")
    claim(store, one)
    end(store, one)
    two, new = store.add(job("a", id="id-2", created_at=LATER), "Queued.")
    assert new
    assert store.latest(DOWNLOAD) == {"a": two}
    assert [found.id for found in store.history(DOWNLOAD, "a")] == ["id-2", "id-a"]
    assert store.history(DOWNLOAD, limit=1) == (two,)


def test_a_failed_job_cannot_come_back_beside_a_younger_live_one(store: JobStore) -> None:
    one, _ = store.add(job("a"), "Queued.")
    claim(store, one)
    end(store, one, JobState.FAILED)
    store.add(job("a", id="id-2", created_at=LATER), "Queued.")
    with pytest.raises(NotRunning):
        store.move(
            one.id,
            [JobState.FAILED],
            JobState.QUEUED,
            now=LATER,
            phase=Phase.QUEUED,
            event=("retry", ""),
        )


def test_a_failed_job_that_comes_back_queues_behind_the_others(store: JobStore) -> None:
    one, _ = store.add(job("a"), "Queued.")
    claim(store, one)
    end(store, one, JobState.FAILED)
    store.add(job("b"), "Queued.")
    store.move(
        one.id,
        [JobState.FAILED],
        JobState.QUEUED,
        now=NOW,
        phase=Phase.QUEUED,
        event=("retry", ""),
    )
    assert [found.subject for found in store.due(NOW)] == ["b", "a"]


def test_what_is_not_due_yet_waits(store: JobStore) -> None:
    store.add(job("a", not_before=LATER), "Queued.")
    assert store.due(NOW) == ()
    assert len(store.due(LATER)) == 1
    store.hurry("id-a")
    assert len(store.due(NOW)) == 1


def test_payload_merges_and_the_document_is_apart(store: JobStore) -> None:
    store.add(job("a", payload={"one": 1, "two": 2}), "Queued.")
    assert store.save_payload("id-a", {"two": None, "three": [3]}).payload == {
        "one": 1,
        "three": [3],
    }
    assert store.document("id-a") is None
    store.save_document("id-a", {"files": ["x"]})
    store.save_document("id-a", {"files": ["y"]})
    assert store.document("id-a") == {"files": ["y"]}
    store.save_document("id-a", None)
    assert store.document("id-a") is None


def test_the_timeline_keeps_the_last_lines_in_order(store: JobStore) -> None:
    store.add(job("a"), "Queued.")
    for number in range(10):
        store.add_event("id-a", NOW, "note", str(number))
    assert [event.message for event in store.events("id-a", limit=3)] == ["7", "8", "9"]


def test_old_jobs_are_forgotten_but_for_the_youngest_of_a_subject(store: JobStore) -> None:
    for number in range(3):
        created = NOW + dt.timedelta(seconds=number)
        one, _ = store.add(job("a", id=f"id-{number}", created_at=created), "Queued.")
        store.save_document(one.id, {})
        claim(store, one)
        end(store, one)
    assert store.forget_ended(NOW) == 0
    assert store.forget_ended(LATER) == 2
    assert [found.id for found in store.history(DOWNLOAD)] == ["id-2"]
    assert store.events("id-0") == ()
