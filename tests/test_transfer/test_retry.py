"""The budget of attempts: progress refills it, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipyap_core.errors import ConnectionLost, GatedRepository, HubBusy
from yipyap_core.transfer import TransferOptions
from yipyap_core.transfer.retry import PROGRESS_BYTES, RetryBudget

OPTIONS = TransferOptions(endpoint="http://127.0.0.1:1", cache_dir=Path("/nowhere"))


def test_failures_in_a_row_end_in_the_last_error() -> None:
    budget = RetryBudget(OPTIONS)
    delays = [budget.failed(ConnectionLost("cut")) for _ in range(OPTIONS.attempts - 1)]

    with pytest.raises(ConnectionLost):
        budget.failed(ConnectionLost("cut"))
    for number, delay in enumerate(delays):
        longest = min(OPTIONS.backoff_cap_seconds, OPTIONS.backoff_seconds * 2**number)
        assert longest / 2 <= delay <= longest


@given(st.lists(st.integers(0, PROGRESS_BYTES - 1), max_size=20))
def test_bytes_that_were_there_before_are_no_progress(totals: list[int]) -> None:
    budget = RetryBudget(OPTIONS)
    budget.progress(10 * PROGRESS_BYTES)

    with pytest.raises(ConnectionLost):
        for total in [*totals, *[0] * OPTIONS.attempts]:
            budget.progress(9 * PROGRESS_BYTES + total)
            budget.failed(ConnectionLost("cut"))


def test_a_line_that_breaks_often_but_arrives_is_never_given_up() -> None:
    budget = RetryBudget(OPTIONS)
    for number in range(1, 100):
        budget.progress(number * PROGRESS_BYTES)
        budget.failed(ConnectionLost("cut"))


def test_a_lasting_error_ends_at_once() -> None:
    with pytest.raises(GatedRepository):
        RetryBudget(OPTIONS).failed(GatedRepository("no"))


def test_the_hubs_own_wish_counts_up_to_a_bound() -> None:
    budget = RetryBudget(OPTIONS)

    assert budget.failed(HubBusy("busy", retry_after_seconds=17)) == 17
    with pytest.raises(HubBusy):
        budget.failed(HubBusy("busy", retry_after_seconds=OPTIONS.longest_wait_seconds + 1))
