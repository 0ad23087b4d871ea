"""Pulls of Ollama models as jobs: our server holds the stream, whatever browsers do.

The service goes on from the layers that it has, so a pull that was interrupted is only asked for
again, and one whose service is away waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from yipyap_core.clients.ollama import OllamaClient, OllamaPull
from yipyap_core.clients.ollama_faults import PASSING, WRONG_HASH, NoOllama, OllamaRefusal
from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.jobs import Job, JobKind, Phase
from yipyap_core.domain.ollama import full_name, parse_model_name
from yipyap_core.domain.users import Principal
from yipyap_core.errors import (
    ConnectionLost,
    DownloadsDisabled,
    InvalidName,
    NotRunning,
    UnknownJob,
)
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.jobs.work import JobContext
from yipyap_core.services.downloads.statuses import status_of_job
from yipyap_core.services.events import EventBus
from yipyap_core.services.ollama.tally import PullTally
from yipyap_core.services.ollama.waiting import Patience, is_waiting
from yipyap_core.stores.jobs import JobStore

RECENT = 50
Connect = Callable[[], OllamaClient]

PHASES = (
    ("pulling manifest", Phase.RESOLVING),
    ("pulling", Phase.TRANSFERRING),
    ("downloading", Phase.TRANSFERRING),
    ("verifying", Phase.VERIFYING),
    ("writing", Phase.COMMITTING),
    ("removing", Phase.COMMITTING),
    ("success", Phase.COMMITTING),
)
"""How the service's words begin -> what the job is busy with; other words are only noted."""


class PullInterrupted(ConnectionLost):
    """The stream broke, though the service answers; the layers that arrived stay there."""

    code = "connection_lost"
    hint = "Retry: Ollama goes on from the layers that it has."


@dataclass(frozen=True, slots=True)
class PullView:
    """One pull, with the fields that every download has."""

    pull_id: str
    name: str
    actor: str
    status: DownloadStatus
    waits: bool = False
    """Whether it rests until the service, which is away, answers again."""


class OllamaPullWorker:
    """Does one pull; the worker of `JobKind.OLLAMA_PULL`."""

    def __init__(self, connect: Connect) -> None:
        """Ask `connect` at each attempt: the address may change while running."""
        self._connect = connect

    def __call__(self, context: JobContext) -> None:
        """Follow the stream to its end; what arrived with a wrong hash is pulled once more.

        Raises `ConnectionLost` where another try may help, and `Postponed` while the service is
        away.
        """
        tally = PullTally(context.meter, context.job)
        try:
            self._pull(context, tally)
        except OllamaRefusal as error:
            if error.code != WRONG_HASH:
                raise
            tally.begin_anew(error.message)  # the service has thrown the layer away by itself
            self._pull(context, tally)

    def _pull(self, context: JobContext, tally: PullTally) -> None:
        context.phase(Phase.RESOLVING)
        patience = Patience(context)
        patience.expect(self._connect())
        try:
            with self._connect().pull(context.job.subject) as pull:
                withdraw = context.token.on_cancel(pull.stop)
                try:
                    self._follow(context, pull, tally)
                finally:
                    withdraw()
        except NoOllama as error:
            context.token.raise_if_cancelled()
            patience.expect(self._connect())
            raise PullInterrupted(error.reason) from error
        except OllamaRefusal as error:
            if error.code not in PASSING:
                raise
            raise PullInterrupted(error.message, code=error.code, hint=error.hint) from error

    def _follow(self, context: JobContext, pull: OllamaPull, tally: PullTally) -> None:
        said, status = set[str](), ""
        for frame in pull:
            context.token.raise_if_cancelled()
            status = frame.status
            tally.add(frame)
            phase = _phase_of(status)
            if phase is not None:
                context.meter.set_phase(phase)
            elif status not in said:
                said.add(status)
                context.meter.note("ollama", status[:200] or "a line without words")
        context.token.raise_if_cancelled()
        if status != "success":
            raise PullInterrupted("Ollama ended the stream before the model was complete.")
        tally.finish()


class OllamaPulls:
    """Use cases of pulls."""

    def __init__(
        self,
        *,
        connect: Connect,
        runner: JobRunner,
        jobs: JobStore,
        disabled: Callable[[], bool],
        events: EventBus | None = None,
    ) -> None:
        """`disabled` is asked at each start; every change of a pull is published in `events`."""
        self._connect = connect
        self._runner = runner
        self._jobs = jobs
        self._disabled = disabled
        self._events = events or EventBus()
        runner.listen(self._on_change)

    def start(self, principal: Principal, text: str) -> PullView:
        """Queue a pull or join the one that runs.

        Raises `InvalidName`, `DownloadsDisabled`, and `OllamaUnavailable` when the service is away.
        """
        principal.require_admin()
        return self._start(principal, [parse_model_name(text)])[0]

    def start_many(self, principal: Principal, text: str) -> list[PullView]:
        """Queue every name of a text: one a line, or separated by commas or spaces."""
        principal.require_admin()
        return self._start(principal, parse_names(text))

    def pulls(self, principal: Principal) -> tuple[PullView, ...]:
        """List recent pulls, the latest first."""
        principal.require_admin()
        history = self._jobs.history(JobKind.OLLAMA_PULL, None, RECENT)
        return tuple(self._view(job) for job in history)

    def get(self, principal: Principal, pull_id: str) -> PullView:
        """Give one pull; raises `UnknownJob`."""
        principal.require_admin()
        return self._view(self._job(pull_id))

    def running(self, principal: Principal) -> tuple[tuple[str, str], ...]:
        """Ids and phases of the pulls that run or wait; cheap enough for a page that polls."""
        principal.require_admin()
        live = self._jobs.live(JobKind.OLLAMA_PULL)
        return tuple((job.id, self._runner.view(job).phase.value) for job in live)

    def speeds(self, principal: Principal, pull_id: str) -> tuple[float, ...]:
        """Bytes a second of the last minute, one a second."""
        principal.require_admin()
        return self._runner.speeds(pull_id)

    def cancel(self, principal: Principal, pull_id: str) -> PullView:
        """End a pull; what arrived stays with the service until its next start."""
        principal.require_admin()
        return self._view(self._runner.cancel(self._job(pull_id).id))

    def retry(self, principal: Principal, pull_id: str) -> PullView:
        """Ask for a failed or cancelled pull again."""
        principal.require_admin()
        return self.start(principal, self._job(pull_id).subject)

    def go_on(self) -> None:
        """Let the pulls that wait for the service start at once: it was seen to answer."""
        for job in self._jobs.live(JobKind.OLLAMA_PULL):
            if is_waiting(job):
                with suppress(NotRunning):  # it was cancelled meanwhile
                    self._runner.resume(job.id)

    def _start(self, principal: Principal, names: list[str]) -> list[PullView]:
        if self._disabled():
            raise DownloadsDisabled
        self._connect().version()
        self.go_on()
        submit, actor = self._runner.submit, principal.username
        jobs = [submit(JobKind.OLLAMA_PULL, full_name(name), actor)[0] for name in names]
        return [self._view(job) for job in jobs]

    def _job(self, pull_id: str) -> Job:
        job = self._jobs.get(pull_id)
        if job.kind is not JobKind.OLLAMA_PULL:
            raise UnknownJob("There is no pull with this id.")
        return job

    def _on_change(self, job_id: str) -> None:
        try:
            job = self._job(job_id)
        except UnknownJob:
            return
        status = self._view(job).status
        facts = {
            "name": job.subject,
            "status": status.status.value,
            "phase": status.phase.value,
            "progress": round(status.progress.percent, 2),
            "bytes_done": status.progress.bytes_done,
            "bytes_total": status.progress.bytes_total,
        }
        self._events.publish("pull", job.id, facts)

    def _view(self, job: Job) -> PullView:
        status = status_of_job(self._runner.view(job))
        return PullView(job.id, job.subject, job.actor, status, is_waiting(job))


def parse_names(text: str) -> list[str]:
    """Read several names at once; raises `InvalidName` for the first that is none."""
    names: list[str] = []
    for part in re.split(r"[\n,;]+", text):
        if part.strip():
            names += _names_of(part)
    if not names:
        raise InvalidName("No model is named.", fields={"name": "missing"})
    return list(dict.fromkeys(names))


def _names_of(part: str) -> list[str]:
    try:
        return [parse_model_name(part)]
    except InvalidName:
        words = part.split()
        if len(words) == 1 or "ollama" in part.lower().split():
            raise
        return [parse_model_name(word) for word in words]


def _phase_of(status: str) -> Phase | None:
    lowered = status.lower()
    return next((phase for words, phase in PHASES if lowered.startswith(words)), None)
