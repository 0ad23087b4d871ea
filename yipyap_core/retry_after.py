"""How long a server asks to be left alone; both ways of asking the hub read it here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

MOST_SECONDS = 86_400.0
"""Who asks for more than a day is asked again after a day: no calendar holds every number."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for, as a number or as a date; None when it does not.

    The names of `headers` are in lower case, or their case does not matter. A date is read
    against the server's own clock, so that ours may be wrong.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return _bounded(float(text))
    except ValueError:
        pass
    then = _moment(text)
    if then is None:
        return None
    now = _moment(headers.get("date", "")) or dt.datetime.now(dt.UTC)
    return _bounded((then - now).total_seconds())


def _bounded(seconds: float) -> float:
    return min(max(0.0, seconds), MOST_SECONDS)


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
