"""Asks models about the fixed picture: on demand, and by itself once a model is downloaded.

A check that nobody asked for runs when there is room beside the loaded models, gives way to every
other load, and unloads what it loaded. Its result is kept like any other; a download never hears
of it.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.engines import CanaryReport, EngineState
from yipyap_core.domain.jobs import JobKind, JobState
from yipyap_core.domain.users import SYSTEM
from yipyap_core.engines.asking import Ask
from yipyap_core.engines.pool import EnginePool
from yipyap_core.errors import EngineBusy, EngineCancelled, YipyapError
from yipyap_core.services.engines.canary import CanaryBook, calm, canary_picture
from yipyap_core.services.engines.choices import EngineChoices
from yipyap_core.services.events import Event, EventBus
from yipyap_core.stores.jobs import JobStore

LOOK_SECONDS = 15.0
"""How often a check that found no room tries again, if no model goes earlier."""
OWED_FOR = dt.timedelta(days=1)
"""A check that a stop of the server prevented is still made so long after the download."""
LATER = (EngineCancelled, EngineBusy)
"""No failure of the model: the check is tried again."""

log = logging.getLogger(__name__)


class EngineChecks:
    """One check at a time each; the book keeps the reports."""

    def __init__(
        self,
        *,
        pool: EnginePool,
        choices: EngineChoices,
        book: CanaryBook,
        told: Callable[[CanaryReport], object],
        clock: Callable[[], dt.datetime],
    ) -> None:
        """`told` hears of each report."""
        self._pool = pool
        self._choices = choices
        self._book = book
        self._told = told
        self._clock = clock

    def last(self, model_id: str) -> CanaryReport | None:
        """The newest report; None before the first."""
        return self._book.last(model_id)

    def check(self, model_id: str, actor: str) -> CanaryReport:
        """Ask and compare; a model that fails is a report. Raises only what `plan` raises."""
        return self._check(model_id, actor, is_background=False)

    def check_quietly(self, model_id: str) -> CanaryReport:
        """The same when nobody waits; raises one of `LATER` when it has to be tried again.

        What was loaded for it alone is unloaded.
        """
        return self._check(model_id, SYSTEM.username, is_background=True)

    def owed(self, arrivals: Arrivals) -> tuple[str, ...]:
        """Models that arrived lately and were not asked since, such as before a restart."""
        arrived = arrivals.since(self._clock() - OWED_FOR)
        reports = {model_id: self.last(model_id) for model_id in arrived}
        return tuple(
            model_id
            for model_id, report in reports.items()
            if report is None or report.at < arrived[model_id]
        )

    def _check(self, model_id: str, actor: str, *, is_background: bool) -> CanaryReport:
        family, _ = self._choices.family(model_id)
        config = self._choices.config_for(family, model_id)
        plan = self._choices.plan(family, config, model_id)
        patience = self._pool.options
        ask = Ask(
            plan=plan,
            picture=canary_picture(),
            config=calm(config).model_dump(),
            timeout_seconds=patience.load_timeout_seconds + patience.request_timeout_seconds,
            is_background=is_background,
        )
        report = self._report(ask, model_id, actor)
        if is_background:
            self._pool.ledger.leave(plan.key)
        return report

    def _report(self, ask: Ask, model_id: str, actor: str) -> CanaryReport:
        try:
            outcome = self._pool.run(ask)
        except YipyapError as error:
            if ask.is_background and isinstance(error, LATER):
                raise
            report = self._book.bad(model_id, error.message, actor=actor, now=self._clock())
        else:
            peak = self._pool.measure_peak(ask.plan.key)
            report = self._book.good(model_id, outcome, peak, actor=actor, now=self._clock())
        self._told(report)
        return report


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How one learns that a model has arrived: at that moment, and later from the jobs."""

    events: EventBus
    jobs: JobStore

    def since(self, moment: dt.datetime) -> dict[str, dt.datetime]:
        """Model -> when its last download ended, if it ended well and not before `moment`."""
        ended = {
            model_id: job.finished_at
            for model_id, job in self.jobs.latest(JobKind.DOWNLOAD).items()
            if job.state is JobState.DONE and job.finished_at is not None
        }
        return {model_id: at for model_id, at in ended.items() if at >= moment}


class ChecksAfterDownload:
    """Listens for downloads that end well, and checks their models one after the other."""

    def __init__(self, checks: EngineChecks, arrivals: Arrivals) -> None:
        """Do nothing yet."""
        self._checks = checks
        self._arrivals = arrivals
        self._events = arrivals.events
        self._closing = threading.Event()
        self._states: dict[str, str] = {}
        self._waiting: dict[str, None] = {}
        self._later: set[str] = set()
        """Those of them that found no room, or gave way."""

    @property
    def waiting(self) -> tuple[str, ...]:
        """Models whose check is due or running, the next one first."""
        return tuple(self._waiting)

    def start(self) -> None:
        """Listen from now on, in a thread of our own, until `close`; first what is still owed."""
        position = self._events.last_number
        self._waiting |= dict.fromkeys(self._checks.owed(self._arrivals))
        threading.Thread(
            target=self._run, args=(position,), name="checks after downloads", daemon=True
        ).start()

    def close(self) -> None:
        """Begin no further check."""
        self._closing.set()

    def _run(self, position: int) -> None:
        looked = time.monotonic()
        while not self._closing.is_set():
            events = self._events.wait(position, LOOK_SECONDS)
            for event in events:
                position = event.number
                self._hear(event)
            is_time = time.monotonic() - looked >= LOOK_SECONDS
            if is_time or any(self._may_help(event) for event in events):
                looked = time.monotonic()
                self._later.clear()
            for model_id in [one for one in self.waiting if one not in self._later]:
                self._check(model_id)

    def _hear(self, event: Event) -> None:
        """Note a model at the moment at which its download is complete."""
        if event.type != "download":
            return
        status = str(event.data.get("status", ""))
        if status == DownloadState.COMPLETED and self._states.get(event.id) != status:
            self._waiting[event.id] = None
        self._states[event.id] = status

    def _may_help(self, event: Event) -> bool:
        """Whether another model went, so that there may be room."""
        gone = event.type == "engine" and event.data.get("state") == EngineState.UNLOADED
        return gone and event.id not in self._waiting

    def _check(self, model_id: str) -> None:
        if self._closing.is_set():
            return
        try:
            self._checks.check_quietly(model_id)
        except LATER:
            self._later.add(model_id)
            return
        except YipyapError as error:  # it has no engine, or its files went meanwhile
            log.info("%s was not checked: %s", model_id, error.message)
        except Exception:  # the last boundary of this thread: the next model is still checked
            log.exception("the check of %s failed", model_id)
        self._waiting.pop(model_id, None)


def event_of(report: CanaryReport) -> Mapping[str, Any]:
    """What listeners are told of a report."""
    return {"canary": {"ok": report.ok, "changed": report.changed, "message": report.message}}
