"""Loads that nobody waits for: they take nobody's place and give way to everybody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.standins.waiting import wait_until
from tests.test_engines.pools import PICTURE, ask, in_background, pool_of, puppet
from yipyap_core.domain.allowances import Allowance
from yipyap_core.domain.engines import EngineState, LoadPlan, Outcome, WorkerStatus
from yipyap_core.engines.asking import Ask, GivenUp
from yipyap_core.engines.entries import Entry
from yipyap_core.engines.memory import Budget
from yipyap_core.engines.pool import EnginePool
from yipyap_core.engines.residency import Amount
from yipyap_core.errors import EngineOutOfMemory

TIGHT = Budget(Allowance(150 << 20))
"""Room for one puppet and not for another that wants 140 MiB."""


def quietly(pool: EnginePool, plan: LoadPlan) -> Outcome:
    return pool.run(Ask(plan, PICTURE, {}, {}, 30, is_background=True))


def status(pool: EnginePool, plan: LoadPlan) -> WorkerStatus:
    found = pool.ledger.status(plan.key)
    assert found is not None
    return found


def test_with_room_it_answers() -> None:
    with pool_of() as pool:
        assert quietly(pool, puppet()).answer.caption == "4x3"


def test_an_idle_model_is_not_unloaded_for_it() -> None:
    loaded, wanted = puppet(name="loaded"), puppet(name="wanted")
    with pool_of(budget=TIGHT) as pool:
        pool.load(loaded)
        pool.ledger.entries[wanted.key] = Entry(wanted, memory=Amount(140 << 20))
        with pytest.raises(GivenUp):
            quietly(pool, wanted)
        assert status(pool, loaded).state is EngineState.READY
        assert (status(pool, wanted).error, status(pool, wanted).crashes) == ("", 0)
        assert ask(pool, wanted).answer.caption == "4x3", "a person's request makes room"
        assert status(pool, loaded).state is EngineState.UNLOADED


def test_it_does_not_wait_for_a_model_in_use(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    wanted = puppet(name="wanted")
    with pool_of(budget=TIGHT) as pool:
        pool.load(puppet())
        pool.ledger.entries[wanted.key] = Entry(wanted, memory=Amount(140 << 20))
        running = in_background(ask, pool, gate=str(gate))
        with gate.open("wb"), pytest.raises(GivenUp):
            quietly(pool, wanted)
        running.result(30)


def test_what_never_fits_says_so() -> None:
    wanted = puppet(name="wanted")
    with pool_of(budget=TIGHT) as pool:
        pool.ledger.entries[wanted.key] = Entry(wanted, memory=Amount(1 << 30))
        with pytest.raises(EngineOutOfMemory, match="needs about"):
            quietly(pool, wanted)


def test_it_gives_way_to_a_load_that_somebody_waits_for(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    slow = puppet(gate=str(gate))
    with pool_of() as pool:
        checking = in_background(quietly, pool, slow)
        with gate.open("wb"):  # opens once its worker loads
            assert ask(pool, puppet(name="other")).answer.caption == "4x3"
            with pytest.raises(GivenUp):
                checking.result(30)
        assert (status(pool, slow).state, status(pool, slow).crashes) == (EngineState.UNLOADED, 0)


def test_whoever_needs_the_same_model_joins_and_it_gives_way_no_more(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    slow = puppet(gate=str(gate))
    with pool_of() as pool:
        checking = in_background(quietly, pool, slow)
        with gate.open("wb"):
            joined = in_background(ask, pool, slow)
            wait_until(
                lambda: status(pool, slow).queued == 2, timeout_seconds=30, last=lambda: "waiting"
            )
            other = in_background(ask, pool, puppet(name="other"))
        pids = {one.result(30).answer.details["pid"] for one in (checking, joined)}
        assert len(pids) == 1
        assert other.result(30).answer.caption == "4x3"


def test_it_leaves_what_was_loaded_for_it_alone() -> None:
    with pool_of() as pool:
        quietly(pool, puppet())
        assert pool.ledger.leave(puppet().key)
        assert status(pool, puppet()).state is EngineState.UNLOADED


def test_what_somebody_loads_meanwhile_stays(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    slow = puppet(gate=str(gate))
    with pool_of() as pool:
        checking = in_background(quietly, pool, slow)
        with gate.open("wb"):
            loading = in_background(pool.load, slow)
            wait_until(
                lambda: status(pool, slow).queued == 2, timeout_seconds=30, last=lambda: "waiting"
            )
        checking.result(30)
        loading.result(30)
        assert not pool.ledger.leave(slow.key)
        assert status(pool, slow).state is EngineState.READY


def test_what_somebody_loaded_before_stays() -> None:
    with pool_of() as pool:
        pool.load(puppet())
        quietly(pool, puppet())
        assert not pool.ledger.leave(puppet().key)
        assert status(pool, puppet()).state is EngineState.READY
