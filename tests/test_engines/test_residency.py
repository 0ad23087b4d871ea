"""Eviction: the least recently used goes, never one that is kept, and no more than needed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from yipyap_core.domain.allowances import Allowance, CardAllowances
from yipyap_core.engines.memory import Budget, Gpu, HostMemory
from yipyap_core.engines.residency import Amount, Resident, to_evict

amounts = st.builds(Amount, st.integers(0, 50), st.integers(0, 50))
residents = st.lists(
    st.builds(Resident, st.uuids().map(str), amounts, st.floats(0, 100), st.booleans()), max_size=8
)


@given(residents, amounts, amounts)
def test_what_is_chosen_is_free_to_go_enough_and_in_order(
    loaded: list[Resident], need: Amount, room: Amount
) -> None:
    chosen = to_evict(loaded, need, room)
    by_key = {one.key: one for one in loaded}
    going = [by_key[key] for key in chosen or ()]
    assert not any(one.kept for one in going)
    assert [one.last_used for one in going] == sorted(one.last_used for one in going)
    if chosen is None:
        free = room
        for one in loaded:
            free = free if one.kept else free.plus(one.held)
        assert not need.fits(free)
        return
    for one in going[:-1]:
        room = room.plus(one.held)
    assert not going or not need.fits(room), "the last one went for nothing"
    assert need.fits(room.plus(going[-1].held) if going else room)


def test_only_what_is_short_counts() -> None:
    on_cpu = Resident("cpu", Amount(10, 0), last_used=1)
    on_gpu = Resident("gpu", Amount(1, 10), last_used=2)
    assert to_evict([on_cpu, on_gpu], Amount(0, 5), Amount(0, 0)) == ("gpu",)


def test_room_is_what_is_free_and_what_the_budget_leaves() -> None:
    gpu = Gpu("0", 100 << 30, 60 << 30)
    host = HostMemory(64 << 30, 32 << 30, (gpu,))
    free = Budget().room(host, gpu, Amount())
    assert 30 << 30 < free.ram_bytes < 32 << 30
    assert 59 << 30 < free.gpu_bytes < 60 << 30
    held = Amount(6 << 30, 7 << 30)
    eight = Allowance(8 << 30)
    bounded = Budget(eight, CardAllowances(eight)).room(host, gpu, held)
    assert bounded == Amount(2 << 30, 1 << 30)


def test_each_card_has_a_budget_of_its_own() -> None:
    cards = CardAllowances.parse("50%, 1=10GiB, GPU-c=0")
    budget = Budget(cards=cards)
    sizes = [budget.of_card(Gpu(f"GPU-{one}", 80 << 30, 0, at)) for at, one in enumerate("abc")]
    assert sizes == [40 << 30, 10 << 30, 0]


def test_without_a_card_there_is_no_room_on_one() -> None:
    assert Budget().room(HostMemory(1 << 40, 1 << 40), None, Amount()).gpu_bytes == 0
