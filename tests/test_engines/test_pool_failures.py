"""A worker that dies, hangs or runs out of memory hurts its own request only."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.test_engines.pools import Host, ask, pool_of, puppet
from yipyap_core.domain.engines import EngineState
from yipyap_core.engines.pool import EnginePool
from yipyap_core.errors import (
    CheckpointRejected,
    EngineCrashed,
    EngineMarkedFailed,
    EngineOutOfMemory,
    EngineTimedOut,
    EngineUnavailable,
    ImageRejected,
)


@pytest.fixture
def pool() -> Iterator[EnginePool]:
    with pool_of() as pool:
        yield pool


def test_a_killed_worker_ends_its_request_and_the_next_starts_another(pool: EnginePool) -> None:
    first = ask(pool).answer.details["pid"]
    with pytest.raises(EngineCrashed, match="signal 9"):
        ask(pool, trick="kill")
    assert ask(pool).answer.details["pid"] != first


def test_a_worker_killed_between_two_requests_is_not_noticed(pool: EnginePool) -> None:
    first = ask(pool).answer.details["pid"]
    os.kill(first, signal.SIGKILL)
    assert ask(pool).answer.details["pid"] != first


@pytest.mark.parametrize("trick", ["hang", "stop"])
def test_a_stuck_worker_is_ended_within_the_time_out(pool: EnginePool, trick: str) -> None:
    first = ask(pool).answer.details["pid"]
    began = time.monotonic()
    with pytest.raises(EngineTimedOut):
        ask(pool, trick=trick, timeout_seconds=0.3)
    assert time.monotonic() - began < 5
    assert ask(pool).answer.details["pid"] != first


def test_a_worker_that_is_frozen_before_the_request_is_ended_too(pool: EnginePool) -> None:
    first = ask(pool).answer.details["pid"]
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(EngineTimedOut):
        ask(pool, timeout_seconds=0.3)
    assert ask(pool).answer.details["pid"] != first


@pytest.mark.parametrize(
    ("trick", "error"), [("memory", EngineOutOfMemory), ("bug", EngineUnavailable)]
)
def test_an_error_inside_the_engine_leaves_the_worker_alive(
    pool: EnginePool, trick: str, error: type[Exception]
) -> None:
    first = ask(pool).answer.details["pid"]
    with pytest.raises(error):
        ask(pool, trick=trick)
    assert ask(pool).answer.details["pid"] == first


def test_a_bad_picture_is_refused_with_the_reason(pool: EnginePool) -> None:
    with pytest.raises(ImageRejected, match="format is not known") as caught:
        ask(pool, picture=b"no picture")
    assert "image" in caught.value.fields


def test_three_crashes_in_a_row_mark_the_model_with_its_last_words(pool: EnginePool) -> None:
    for _ in range(3):
        with pytest.raises(EngineCrashed):
            ask(pool, trick="kill")
    with pytest.raises(EngineMarkedFailed, match="these were my last words"):
        ask(pool)
    status = pool.ledger.status(puppet().key)
    assert status is not None
    assert (status.state, status.crashes) == (EngineState.FAILED, 3)
    assert "these were my last words" in status.last_words


def test_a_person_can_load_a_failed_model_again(pool: EnginePool) -> None:
    for _ in range(3):
        with pytest.raises(EngineCrashed):
            ask(pool, trick="kill")
    assert pool.load(puppet()).state is EngineState.READY
    assert ask(pool).answer.caption == "4x3"


def test_an_answer_between_crashes_starts_the_count_anew(pool: EnginePool) -> None:
    for _ in range(4):
        with pytest.raises(EngineCrashed):
            ask(pool, trick="kill")
        ask(pool)


def test_a_refused_checkpoint_says_why_and_is_no_crash(pool: EnginePool) -> None:
    for _ in range(4):
        with pytest.raises(CheckpointRejected, match="no puppet"):
            ask(pool, puppet(load="rejected"))
    status = pool.ledger.status(puppet(load="rejected").key)
    assert status is not None
    assert (status.state, status.crashes) == (EngineState.UNLOADED, 0)
    assert "no puppet" in status.error


def test_a_crash_while_loading_is_told_to_whoever_waits(pool: EnginePool) -> None:
    with pytest.raises(EngineCrashed, match="loading"):
        ask(pool, puppet(load="kill"))


def test_a_load_that_hangs_is_ended() -> None:
    with pool_of(load_timeout_seconds=0.5) as pool, pytest.raises(EngineTimedOut):
        ask(pool, puppet(load="hang"))


def test_a_gpu_without_room_at_loading_means_the_cpu_with_a_reason() -> None:
    with pool_of(host=Host().with_gpu()) as pool:
        outcome = ask(pool, puppet(device="cuda", load="gpu_memory"))
    assert outcome.info.device == "cpu"
    assert "GPU" in outcome.info.device_reason


def test_a_gpu_without_room_for_a_request_means_the_cpu_with_a_reason() -> None:
    with pool_of(host=Host().with_gpu()) as pool:
        plan = puppet(device="cuda")
        assert ask(pool, plan).info.device == "cuda"
        outcome = ask(pool, plan, trick="gpu_memory")
        assert outcome.info.device == "cpu"
        assert "GPU" in outcome.info.device_reason
