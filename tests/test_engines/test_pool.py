"""Loading once, queues, cancelling, eviction, idleness: the pool's daily work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.test_engines.pools import PICTURE, Host, ask, in_background, pool_of, puppet
from yipyap_core.domain.allowances import Allowance
from yipyap_core.domain.engines import EngineState, LoadPhase, LoadPlan, WorkerStatus
from yipyap_core.engines.asking import Ask
from yipyap_core.engines.entries import Entry
from yipyap_core.engines.memory import Budget, HostMemory
from yipyap_core.engines.pool import EnginePool
from yipyap_core.engines.residency import Amount
from yipyap_core.errors import (
    EngineBusy,
    EngineCancelled,
    EngineOutOfMemory,
    EngineTimedOut,
    ModelInUse,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pool() -> Iterator[EnginePool]:
    with pool_of() as pool:
        yield pool


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def test_many_who_ask_at_once_load_it_once(pool: EnginePool, tmp_path: Path) -> None:
    plan = puppet(counter=str(tmp_path / "loads"))
    answers = [in_background(ask, pool, plan) for _ in range(8)]
    pids = {answer.result(30).answer.details["pid"] for answer in answers}
    assert len(pids) == 1
    assert len((tmp_path / "loads").read_text().splitlines()) == 1


def test_who_gives_up_waiting_does_not_stop_the_load(pool: EnginePool, gate: Path) -> None:
    plan = puppet(gate=str(gate))
    with pytest.raises(EngineTimedOut):
        ask(pool, plan, timeout_seconds=0.2)
    gate.write_bytes(b"go")
    assert pool.load(plan, timeout_seconds=30).state is EngineState.READY


def test_settings_travel_with_each_request(pool: EnginePool) -> None:
    assert ask(pool, config={"threshold": 0.1}).answer.details["config"] == {"threshold": 0.1}
    assert ask(pool, config={"threshold": 0.9}).answer.details["config"] == {"threshold": 0.9}


def test_text_arrives_as_it_is_written(pool: EnginePool) -> None:
    words: list[str] = []
    request = Ask(puppet(), PICTURE, {}, {"words": ["a", "b"]}, 30, on_text=words.append)
    pool.run(request)
    assert words == ["a", "b"]


def test_a_cancelled_request_ends_and_the_worker_stays(pool: EnginePool) -> None:
    pid = ask(pool).answer.details["pid"]
    cancelled = threading.Event()
    request = Ask(puppet(), PICTURE, {}, {"trick": "until_cancelled"}, 30, cancelled=cancelled)
    running = in_background(pool.run, request)
    cancelled.set()
    with pytest.raises(EngineCancelled):
        running.result(30)
    assert ask(pool).answer.details["pid"] == pid


def test_a_full_queue_refuses_at_once(gate: Path) -> None:
    with pool_of(queue_limit=1) as pool:
        pool.load(puppet())
        running = in_background(ask, pool, gate=str(gate))
        with gate.open("wb"), pytest.raises(EngineBusy):  # opens once the worker reads
            ask(pool)
        assert running.result(30).answer.caption == "4x3"


def orders_sent(pool: EnginePool, plan: LoadPlan) -> list[str]:
    """The kind of each order to a loaded worker, from now on, once it is on its way."""
    worker = pool.ledger.entries[plan.key].worker
    assert worker is not None
    wire, sent = worker._child.wire, list[str]()
    send = wire.send

    def noted(header: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
        send(header, blobs)
        sent.append(header["kind"])

    wire.send = noted  # type: ignore[method-assign]
    return sent


def test_waiting_requests_share_a_batch_where_the_model_allows(gate: Path) -> None:
    with pool_of() as pool:
        plan = puppet(max_batch=4)
        pool.load(plan)
        sent = orders_sent(pool, plan)
        first = in_background(ask, pool, plan, gate=str(gate))
        with gate.open("wb"):
            others = [in_background(ask, pool, plan) for _ in range(4)]
            _until(lambda: sent.count("run") == 5)
            pool.measure_peak(plan.key)  # an answer: the frames before it were read
        together = [other.result(30).answer.details["together"] for other in others]
        assert first.result(30).answer.details["together"] == 1
        assert max(together) == 4


def test_one_that_hangs_does_not_take_waiting_requests_with_it(pool: EnginePool) -> None:
    ask(pool)
    hanging = in_background(ask, pool, trick="hang", timeout_seconds=0.5)
    _until(lambda: (pool.ledger.status(puppet().key) or _none()).in_use == 1)
    waiting = in_background(ask, pool, timeout_seconds=30)
    with pytest.raises(EngineTimedOut):
        hanging.result(30)
    assert waiting.result(30).answer.caption == "4x3"


def test_unloading_gives_all_memory_back(pool: EnginePool) -> None:
    plan = puppet(ballast_bytes=64 << 20)
    status = pool.load(plan)
    assert status.pid is not None
    assert status.memory.ram_bytes > 0
    assert pool.unload(plan.key)
    assert not psutil.pid_exists(status.pid)
    after = pool.ledger.status(plan.key)
    assert after is not None
    assert (after.state, after.memory.ram_bytes) == (EngineState.UNLOADED, 0)


def test_what_answers_is_not_unloaded(pool: EnginePool, gate: Path) -> None:
    pool.load(puppet())
    running = in_background(ask, pool, gate=str(gate))
    with gate.open("wb"), pytest.raises(ModelInUse):
        pool.unload(puppet().key)
    running.result(30)
    assert pool.unload(puppet().key)


def test_a_retired_model_goes_after_its_last_answer(pool: EnginePool, gate: Path) -> None:
    pool.load(puppet())
    running = in_background(ask, pool, gate=str(gate))
    with gate.open("wb"):
        pool.retire(puppet().key)
    running.result(30)
    _until(lambda: (pool.ledger.status(puppet().key) or _none()).state is EngineState.UNLOADED)


def test_the_least_recently_used_makes_room() -> None:
    host = Host(HostMemory(1 << 40, 1 << 40))
    with pool_of(host=host, budget=Budget(Allowance(150 << 20))) as pool:
        plans = [puppet(name=name, ballast_bytes=1 << 20) for name in ("a", "b", "c")]
        for plan in plans[:2]:
            pool.load(plan)
        ask(pool, plans[0])
        pool.ledger.entries[plans[2].key] = _expecting(pool, plans[2], 100 << 20)
        pool.load(plans[2])
        states = [(pool.ledger.status(plan.key) or _none()).state for plan in plans]
    assert states == [EngineState.READY, EngineState.UNLOADED, EngineState.READY]


def test_a_model_in_use_is_waited_for_before_it_makes_room(gate: Path) -> None:
    busy, wanted = puppet(name="busy"), puppet(name="wanted")
    with pool_of(budget=Budget(Allowance(150 << 20))) as pool:
        pool.load(busy)
        running = in_background(ask, pool, busy, gate=str(gate))
        with gate.open("wb"):  # opens once the worker answers
            pool.ledger.entries[wanted.key] = _expecting(pool, wanted, 140 << 20)
            loading = in_background(pool.load, wanted)
            _until(lambda: _status(pool, wanted).progress.phase is LoadPhase.QUEUED)
            assert _status(pool, busy).state is EngineState.BUSY
            assert not loading.done()
        assert running.result(30).answer.caption == "4x3"
        assert loading.result(30).state is EngineState.READY
        assert _status(pool, busy).state is EngineState.UNLOADED


def test_loads_stand_in_a_line(gate: Path) -> None:
    first, second = puppet(gate=str(gate)), puppet(name="second")
    with pool_of() as pool:
        loading = in_background(pool.load, first)
        with gate.open("wb"):
            after = in_background(pool.load, second)
            _until(lambda: pool.ledger.status(second.key) is not None)
            _until(lambda: _status(pool, second).state is EngineState.LOADING)
            assert _status(pool, second).progress.phase is LoadPhase.QUEUED
            assert _status(pool, second).pid is None
        assert loading.result(30).state is EngineState.READY
        assert after.result(30).state is EngineState.READY


def test_workers_stand_back_in_time_and_in_memory(pool: EnginePool) -> None:
    pid = pool.load(puppet()).pid
    assert pid is not None
    assert psutil.Process(pid).nice() >= 10
    score = Path(f"/proc/{pid}/oom_score_adj")
    assert not score.exists() or int(score.read_text()) == 1000, "the kernel ends it first"


def test_a_pinned_model_is_not_evicted() -> None:
    with pool_of(budget=Budget(Allowance(100 << 20)), room_timeout_seconds=0.1) as pool:
        pool.load(puppet(name="a"))
        pool.pin(puppet(name="a").key, True)
        pool.ledger.entries[puppet(name="b").key] = _expecting(pool, puppet(name="b"), 90 << 20)
        with pytest.raises(EngineOutOfMemory, match="GB of the host's memory"):
            pool.load(puppet(name="b"))
        assert (pool.ledger.status(puppet(name="a").key) or _none()).state is EngineState.READY


def test_idle_models_go_and_pinned_ones_stay() -> None:
    with pool_of(idle_seconds=0.0) as pool:
        idle, pinned = puppet(name="idle"), puppet(name="pinned")
        pool.load(idle)
        pool.load(pinned)
        pool.pin(pinned.key, True)
        assert pool.sweep() == (idle.key,)
        assert pool.sweep() == ()


def test_progress_is_seen_while_it_loads(pool: EnginePool, gate: Path) -> None:
    plan = puppet(gate=str(gate))
    loading = in_background(pool.load, plan)
    with gate.open("wb"):
        status = pool.ledger.status(plan.key)
        assert status is not None
        assert status.state is EngineState.LOADING
        assert status.progress.phase in {LoadPhase.STARTING, LoadPhase.READING}
    assert loading.result(30).progress.phase is LoadPhase.DONE


def test_unloading_while_it_loads_ends_the_load(pool: EnginePool, gate: Path) -> None:
    plan = puppet(gate=str(gate))
    loading = in_background(pool.load, plan)
    with gate.open("wb"):
        pool.unload(plan.key)
        with pytest.raises(EngineCancelled):
            loading.result(30)
    status = pool.ledger.status(plan.key)
    assert status is not None
    assert (status.state, status.crashes) == (EngineState.UNLOADED, 0)


PARENT = """
import os, signal
from tests.test_engines.pools import pool_of, puppet
with pool_of() as pool:
    print(pool.load(puppet()).pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_does_not_outlive_a_killed_server() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    pid = int(done.stdout)
    _until(lambda: not psutil.pid_exists(pid))


def test_closing_ends_every_worker() -> None:
    with pool_of() as pool:
        pids = [pool.load(puppet(name=name)).pid for name in ("a", "b")]
    assert not any(pid and psutil.pid_exists(pid) for pid in pids)


def _status(pool: EnginePool, plan: LoadPlan) -> WorkerStatus:
    return pool.ledger.status(plan.key) or _none()


def _none() -> WorkerStatus:
    raise AssertionError("the pool does not know this plan")


def _until(condition: Callable[[], bool]) -> None:
    """Wait for another thread, at most half a minute."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def _expecting(pool: EnginePool, plan: LoadPlan, ram_bytes: int) -> Entry:
    """Books in which the plan took so much the last time."""
    assert plan.key not in {status.key for status in pool.ledger.statuses()}
    return Entry(plan, memory=Amount(ram_bytes=ram_bytes))
