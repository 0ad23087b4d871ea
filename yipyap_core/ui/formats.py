"""Numbers and times as people read them; no Streamlit here, so that each rule can be tested."""

from __future__ import annotations

import datetime as dt
import math
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from yipyap_core.domain.jobs import Progress
from yipyap_core.sizes import size_words

NARROW = "\u00a0"
"""Between a figure and its unit: they never part at the end of a line."""

NOTHING = "\u2013"
"""Stands where there is no figure yet."""

SECONDS_A_MINUTE = 60
SECONDS_AN_HOUR = 3600
SECONDS_A_DAY = 86400
LONGEST_ETA_SECONDS = 30 * SECONDS_A_DAY


def size(size_bytes: float) -> str:
    """Three significant figures in decimal units: `1.80 GB`, `812 MB`, `14 B`."""
    return size_words(size_bytes, NARROW)


def exact_size(size_bytes: int) -> str:
    """Every byte, with thousands apart: `1,803,442,176 bytes`."""
    return f"{size_bytes:,}{NARROW}bytes"


def speed(speed_bps: float) -> str:
    """Bytes a second as `84.2 MB/s`; a dash while nothing moves."""
    return f"{size(speed_bps)}/s" if speed_bps >= 1 else NOTHING


def percent(value: float) -> str:
    """One decimal, rounded down: 100.0 is only said when everything is there."""
    return f"{math.floor(max(0.0, min(100.0, value)) * 10) / 10:.1f}{NARROW}%"


def duration(seconds: float) -> str:
    """The two largest units that matter: `45 s`, `3 min`, `1 h 20 min`, `2 d 3 h`."""
    whole = max(0, round(seconds))
    if whole < SECONDS_A_MINUTE:
        return f"{whole}{NARROW}s"
    minutes = round(whole / SECONDS_A_MINUTE)
    if minutes < 60:
        return f"{minutes}{NARROW}min"
    if minutes < 24 * 60:
        return _pair(minutes // 60, "h", minutes % 60, "min")
    hours = round(whole / SECONDS_AN_HOUR)
    return _pair(hours // 24, "d", hours % 24, "h")


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    first = f"{large}{NARROW}{large_unit}"
    return f"{first} {small}{NARROW}{small_unit}" if small else first


def remaining(eta_seconds: float | None) -> str:
    """How long a job will still take, `3 min left`; a dash when nobody can say."""
    if eta_seconds is None or not math.isfinite(eta_seconds) or eta_seconds > LONGEST_ETA_SECONDS:
        return NOTHING
    return f"{duration(eta_seconds)} left"


def done_of_total(progress: Progress) -> str:
    """Bytes there and bytes wanted: `812 MB of 1.80 GB`."""
    return f"{size(progress.bytes_done)} of {size(progress.bytes_total)}"


def kept(
    files_done: int,
    files_total: int,
    whole_bytes: int,
    unfinished_bytes: int,
    files: int,
    lost_bytes: int = 0,
) -> str:
    """What a stop leaves: `7 of 9 files, 31.2 GB kept; the current file goes on at 1.10 GB`.

    `files` is how many are unfinished; `lost_bytes` have arrived and would go.
    """
    if lost_bytes > 0:
        said = kept(files_done, files_total, whole_bytes, unfinished_bytes, files - 1)
        return f"{said}; {lost(lost_bytes)}" if whole_bytes + unfinished_bytes else lost(lost_bytes)
    if whole_bytes <= 0 and unfinished_bytes <= 0:
        return "nothing has arrived yet, so nothing is kept"
    whole = f"{files_done} of {files_total} files, {size(whole_bytes)} kept"
    if unfinished_bytes <= 0:
        return whole
    which = "the current file goes on" if files <= 1 else "unfinished files go on"
    return f"{whole}; {which} at {size(unfinished_bytes)}"


def lost(lost_bytes: int) -> str:
    """What a stop loses, since the hub's own client cannot go on with a part of a file."""
    return f"{size(lost_bytes)} that the hub's own client has fetched are lost"


def stopped(lost_bytes: int) -> str:
    """What became of the bytes of a download that was stopped, of which so many were lost."""
    return f"{lost(lost_bytes)}, all else is kept" if lost_bytes else "what has arrived is kept"


def ago(at: dt.datetime, now: dt.datetime) -> str:
    """A moment seen from now: `just now`, `3 min ago`, `in 2 h`."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    return f"{_coarse(seconds)} ago" if seconds > 0 else f"in {_coarse(-seconds)}"


def _coarse(seconds: float) -> str:
    if seconds < SECONDS_AN_HOUR - 30:
        return duration(seconds)
    if seconds < SECONDS_A_DAY * 1.5:
        return f"{round(seconds / SECONDS_AN_HOUR)}{NARROW}h"
    return f"{round(seconds / SECONDS_A_DAY)}{NARROW}days"


def exact_time(at: dt.datetime, zone: str | None) -> str:
    """A moment to the second in the reader's zone: `23 Nov 2026, 05:18:39 CET`."""
    return at.astimezone(reader_zone(zone)).strftime("%-d %b %Y, %H:%M:%S %Z")


def clock_time(at: dt.datetime, now: dt.datetime, zone: str | None) -> str:
    """Hours, minutes and seconds in the reader's zone; before them the day, where it is another."""
    there, today = at.astimezone(reader_zone(zone)), now.astimezone(reader_zone(zone))
    return there.strftime("%H:%M:%S" if there.date() == today.date() else "%-d %b, %H:%M:%S")


def reader_zone(name: str | None) -> dt.tzinfo:
    """The zone that the browser named; UTC for none or one that nobody knows."""
    if not name:
        return dt.UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return dt.UTC


def plain(text: str) -> str:
    r"""Foreign text as Markdown that shows exactly these characters: `*`, `[`, `:` and so on."""
    return "".join(f"\\{mark}" if mark in _MARKS else mark for mark in " ".join(text.split()))


_MARKS = frozenset("\\`*_{}[]()#+-.!<>|~:$&\"'^=")


def count(number: int, noun: str, nouns: str | None = None) -> str:
    """A number with its noun: `1 download`, `2 downloads`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"
