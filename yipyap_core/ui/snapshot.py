"""How all downloads stand at one moment, the same for everything that one run or poll draws.

A page lays out rows by it and decides by it later whether the layout still fits: with two looks,
a change between them would never be noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

from yipyap_core.domain.download_queue import OtherWork
from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.services.container import current

Statuses = Mapping[str, DownloadStatus]

_taken: ContextVar[Statuses | None] = ContextVar("statuses of this run", default=None)
_others: ContextVar[OtherWork | None] = ContextVar("other work of this run", default=None)


def take() -> Statuses:
    """Look now; everything drawn until the next look sees this."""
    downloads = current().downloads
    statuses = downloads.statuses()
    _taken.set(statuses)
    _others.set(downloads.other_work())
    return statuses


def statuses() -> Statuses:
    """Model id -> status, as the run or poll that is drawing has seen it."""
    taken = _taken.get()
    return take() if taken is None else taken


def other_work() -> OtherWork:
    """What runs beside the downloads, as the run or poll that is drawing has seen it."""
    return _others.get() or OtherWork()
