from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from yipyap_core.errors import ConnectionLost, GatedRepository, HashMismatch, HubBusy
from yipyap_core.jobs.retry import RetryPolicy


@given(seed=st.integers(), retries=st.integers(0, 30))
def test_delays_grow_within_their_bounds(seed: int, retries: int) -> None:
    policy = RetryPolicy(max_retries=31, base_seconds=1, factor=2, max_seconds=60, jitter=0.25)
    delay = policy.delay_seconds(ConnectionLost("cut"), retries, random.Random(seed))
    middle = min(60.0, 2.0**retries)
    assert delay is not None and 0.75 * middle <= delay <= 1.25 * middle


def test_what_needs_a_person_is_not_retried() -> None:
    policy, rng = RetryPolicy(), random.Random(0)
    assert policy.delay_seconds(GatedRepository("no"), 0, rng) is None
    assert policy.delay_seconds(HashMismatch("twice"), 0, rng) is None
    assert policy.delay_seconds(ConnectionLost("cut"), policy.max_retries, rng) is None


def test_the_other_side_s_wish_is_never_undercut() -> None:
    error = HubBusy("slow", retry_after_seconds=500)
    assert RetryPolicy().delay_seconds(error, 0, random.Random(0)) == 500
