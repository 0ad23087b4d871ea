"""What every part of one run shares, and the tools that each of its threads has for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from yipyap_core.buffers import page_aligned
from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.transfer.ahead import Ahead
from yipyap_core.transfer.connections import ConnectionBook
from yipyap_core.transfer.control import TransferControl
from yipyap_core.transfer.dialing import Dialer, Trust
from yipyap_core.transfer.growth import Slots
from yipyap_core.transfer.hashing import READ_BYTES
from yipyap_core.transfer.layout import Layout
from yipyap_core.transfer.limiter import BandwidthLimit
from yipyap_core.transfer.lines import Lines
from yipyap_core.transfer.options import TransferOptions
from yipyap_core.transfer.partial import Partial
from yipyap_core.transfer.phases import PhaseBoard
from yipyap_core.transfer.pipes import Pipe
from yipyap_core.transfer.requests import Requests
from yipyap_core.transfer.stopping import Stopper
from yipyap_core.transfer.watch import LineWatch
from yipyap_core.transfer.works import Work

BUFFER_BYTES = READ_BYTES
"""Buffers are exchanged with the hash, so both have the same size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One run: its plan, its figures, its control, and what all threads use together."""

    options: TransferOptions
    plan: DownloadPlan
    layout: Layout
    control: TransferControl
    token: Callable[[], str | None]
    limit: BandwidthLimit
    trust: Trust
    stopper: Stopper
    watch: LineWatch
    phases: PhaseBoard
    slots: Slots
    pool: ThreadPoolExecutor
    partials: OpenPartials
    book: ConnectionBook


@dataclass(slots=True)
class OpenPartials:
    """The partial files that are being written, for whoever makes them durable now and then."""

    _open: set[Partial] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, partial: Partial) -> None:
        """Include a file."""
        with self._lock:
            self._open.add(partial)

    def discard(self, partial: Partial) -> None:
        """Leave a file out, before it is closed."""
        with self._lock:
            self._open.discard(partial)

    def sync(self) -> None:
        """Make all durable that are open now."""
        with self._lock:
            partials = list(self._open)
        for partial in partials:
            partial.sync()


class Lane:
    """One thread's own connections, buffer and pipe."""

    def __init__(self, context: Context, stopper: Stopper) -> None:
        """Connect to nothing yet; `stopper` ends what this thread does."""
        self.stopper = stopper
        dialer = Dialer(context.options, context.trust, stopper)
        self.lines = Lines(dialer, context.watch, context.book)
        self.requests = Requests(context.options, context.plan, self.lines, context.token)
        self.buffer = page_aligned(BUFFER_BYTES)
        self.pipe = Pipe()
        self.ahead: Ahead | None = None
        self._layout = context.layout

    def look_ahead(self, next_work: Callable[[], Work | None]) -> Ahead:
        """From now on ask for the next small file while the present one is written."""
        self.ahead = Ahead(self._layout, self.requests, next_work)
        return self.ahead

    def __enter__(self) -> Lane:
        """Use the lane for a while."""
        return self

    def __exit__(self, *_: object) -> None:
        """End its connections."""
        if self.ahead:
            self.ahead.close()
        self.requests.close()
        self.lines.close()
        self.pipe.close()
