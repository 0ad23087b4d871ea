"""Which bytes are there, against the plainest model: a set of numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from yipyap_core.transfer.spans import Spans

SIZE = 60
pairs = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=12)


def model(added: list[tuple[int, int]]) -> set[int]:
    return {number for start, end in added for number in range(start, end)}


@given(pairs)
def test_spans_hold_what_was_added(added: list[tuple[int, int]]) -> None:
    spans = Spans.of(added)

    assert model(list(spans)) == model(added)
    assert spans.total == len(model(added))
    assert spans.fits(SIZE)


@given(pairs)
def test_spans_are_ordered_apart_and_not_empty(added: list[tuple[int, int]]) -> None:
    edges = [edge for pair in Spans.of(added) for edge in pair]

    assert edges == sorted(set(edges))


@given(pairs)
def test_what_is_missing_is_the_rest(added: list[tuple[int, int]]) -> None:
    spans = Spans.of(added)

    assert model(spans.missing(SIZE)) == set(range(SIZE)) - model(added)


@given(pairs)
def test_the_prefix_ends_at_the_first_missing_byte(added: list[tuple[int, int]]) -> None:
    missing = Spans.of(added).missing(SIZE)

    assert Spans.of(added).prefix_end == (missing[0][0] if missing else SIZE)


@given(pairs, pairs)
def test_a_copy_goes_its_own_way(added: list[tuple[int, int]], more: list[tuple[int, int]]) -> None:
    spans = Spans.of(added)
    copy = spans.copy()
    for start, end in more:
        copy.add(start, end)

    assert model(list(spans)) == model(added)
    assert model(list(copy)) == model(added + more)
