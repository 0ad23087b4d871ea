from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipyap_core.domain.jobs import Progress
from yipyap_core.sizes import UNITS
from yipyap_core.ui import formats

NOW = dt.datetime(2026, 11, 23, 4, 18, 39, tzinfo=dt.UTC)


def _plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (999_600, "1.00 MB"),
        (18_040_000, "18.0 MB"),
        (812_000_000, "812 MB"),
        (1_803_442_176, "1.80 GB"),
    ],
)
def test_sizes_have_three_figures(size_bytes: int, words: str) -> None:
    assert _plain(formats.size(size_bytes)) == words


@given(st.integers(min_value=1000, max_value=10**17))
def test_a_size_says_the_truth_within_half_a_percent(size_bytes: int) -> None:
    figure, unit = _plain(formats.size(size_bytes)).split()
    value = float(figure) * 1000 ** UNITS.index(unit)
    assert abs(value - size_bytes) <= size_bytes * 0.0051
    assert 1 <= float(figure) < 1000


@given(st.integers(min_value=0, max_value=10**15))
def test_an_exact_size_has_every_byte(size_bytes: int) -> None:
    assert int(_plain(formats.exact_size(size_bytes)).split()[0].replace(",", "")) == size_bytes


@given(st.floats(min_value=0, max_value=99.9999))
def test_a_percentage_is_never_said_to_be_whole_before_it_is(value: float) -> None:
    assert not formats.percent(value).startswith("100")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (185, "3 min"),
        (3599, "1 h"),
        (4800, "1 h 20 min"),
        (200_000, "2 d 8 h"),
    ],
)
def test_durations_are_said_in_the_two_units_that_matter(seconds: float, words: str) -> None:
    assert _plain(formats.duration(seconds)) == words


@pytest.mark.parametrize("seconds", [None, float("inf"), float("nan"), 10.0**9])
def test_nobody_is_told_an_end_that_nobody_knows(seconds: float | None) -> None:
    assert formats.remaining(seconds) == formats.NOTHING


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(2, "just now"), (-2, "just now"), (45, "45 s ago"), (4000, "1 h ago"), (-7200, "in 2 h")],
)
def test_moments_are_told_from_now(seconds: int, words: str) -> None:
    assert _plain(formats.ago(NOW - dt.timedelta(seconds=seconds), NOW)) == words


def test_exact_moments_are_in_the_readers_zone() -> None:
    assert formats.exact_time(NOW, "Europe/Berlin") == "23 Nov 2026, 05:18:39 CET"
    assert formats.clock_time(NOW, NOW, "Europe/Berlin") == "05:18:39"


def test_a_time_of_another_day_has_its_day() -> None:
    """By the reader's calendar: 23:30 in London is the next day's in Berlin."""
    late = dt.datetime(2026, 11, 23, 23, 30, tzinfo=dt.UTC)
    assert formats.clock_time(late, late + dt.timedelta(minutes=40), None) == "23 Nov, 23:30:00"
    assert formats.clock_time(late, late + dt.timedelta(minutes=40), "Europe/Berlin") == "00:30:00"


@pytest.mark.parametrize("zone", [None, "", "No/Where", "../etc/passwd", "/etc/passwd"])
def test_a_zone_that_nobody_knows_is_utc(zone: str | None) -> None:
    assert formats.exact_time(NOW, zone) == "23 Nov 2026, 04:18:39 UTC"


def test_progress_names_both_figures() -> None:
    assert _plain(formats.done_of_total(Progress(812_000_000, 1_800_000_000))) == (
        "812 MB of 1.80 GB"
    )


def test_foreign_text_stays_text() -> None:
    assert formats.plain("a *b* [x](javascript:y) :red[z]\n# t") == (
        r"a \*b\* \[x\]\(javascript\:y\) \:red\[z\] \# t"
    )


def test_nouns_agree_with_their_number() -> None:
    assert [formats.count(n, "download") for n in (0, 1, 2)] == [
        "0 downloads",
        "1 download",
        "2 downloads",
    ]
    assert formats.count(2, "family", "families") == "2 families"
