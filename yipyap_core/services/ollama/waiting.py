"""Pulls whose service is away wait for it, for as long as that takes.

A pull that waits is queued with a moment before which it is not tried: it holds no place, waits on
after a restart of our server, and can be cancelled. It waits as long again as the service has been
away, and no longer once anyone sees the service answer (`OllamaPulls.go_on`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from yipyap_core.clients.ollama import OllamaClient
from yipyap_core.domain.jobs import Failure, Job, JobState
from yipyap_core.errors import OllamaUnavailable
from yipyap_core.jobs.work import JobContext, Postponed

KEY: Final = "waits_for_ollama"
"""In a job's payload: since when its service is away."""
SHORTEST_SECONDS: Final = 2.0
LONGEST_SECONDS: Final = 300.0


class Patience:
    """One attempt's look at whether the service is there, and since when it is not."""

    def __init__(self, context: JobContext) -> None:
        """Go on with the wait of the attempt before."""
        self._context = context
        self._since = _moment(context.job.payload.get(KEY))

    def expect(self, client: OllamaClient) -> None:
        """Return when the service answers; raises `Postponed` while it is away."""
        try:
            client.version()
        except OllamaUnavailable as error:
            self._context.token.raise_if_cancelled()
            raise self._postponed(error) from error
        if self._since is not None:
            self._since = None
            self._context.save(**{KEY: None})

    def _postponed(self, error: OllamaUnavailable) -> Postponed:
        now = self._context.clock.now()
        since = self._since or now
        self._context.save(**{KEY: since.isoformat()})
        hint = f"{error.hint} The pull goes on by itself when it answers again."
        failure = Failure(error.code, error.message, hint, retryable=True)
        away_seconds = (now - since).total_seconds()
        return Postponed(failure, KEY, min(LONGEST_SECONDS, max(SHORTEST_SECONDS, away_seconds)))


def is_waiting(job: Job) -> bool:
    """Whether a pull rests until its service answers again."""
    waits = job.state is JobState.QUEUED and job.not_before is not None
    return waits and _moment(job.payload.get(KEY)) is not None


def _moment(value: Any) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
