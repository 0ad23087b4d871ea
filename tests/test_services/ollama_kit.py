"""An Ollama service with everything real but Ollama: store, runner, sockets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.standins.ollama import AnyOllama
from yipyap_core.clients.ollama_registry import OllamaRegistry
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.jobs import JobKind
from yipyap_core.domain.users import Principal, Role
from yipyap_core.jobs.clock import Clock, SystemClock
from yipyap_core.jobs.retry import RetryPolicy
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.services.ollama.pulls import OllamaPulls, OllamaPullWorker, PullView
from yipyap_core.services.ollama.service import OllamaChoice, OllamaService, connector
from yipyap_core.stores.engine import open_engine
from yipyap_core.stores.jobs import JobStore
from yipyap_core.stores.schema import metadata

ADMIN = Principal("ada", "Ada", Role.ADMIN)
USER = Principal("bob", "Bob", Role.USER)
TIMEOUT_SECONDS = 20.0
ENDED = {DownloadState.COMPLETED, DownloadState.FAILED}


@dataclass
class OllamaKit:
    """One server's worth of the service; `again` is the next process on the same store."""

    folder: Path
    ollama: AnyOllama
    retries: int = 1
    disabled: bool = False
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        self.base_url = self.ollama.base_url
        self.assistant = "qwen3:8b"
        self.engine = open_engine(f"sqlite:///{self.folder / 'store.sqlite3'}")
        metadata.create_all(self.engine)
        self.jobs = JobStore(self.engine)
        self.runner = JobRunner(
            self.jobs,
            {JobKind.OLLAMA_PULL: OllamaPullWorker(connector(self.choice))},
            2,
            self.clock,
            retry=RetryPolicy(max_retries=self.retries, base_seconds=0.05),
        )
        self.pulls = OllamaPulls(
            connect=connector(self.choice),
            runner=self.runner,
            jobs=self.jobs,
            disabled=lambda: self.disabled,
        )
        self.moved = threading.Event()
        self.runner.listen(lambda _: self.moved.set())
        registry = OllamaRegistry(self.ollama.registry_url)
        self.service = OllamaService(choice=self.choice, pulls=self.pulls, registry=registry)

    def choice(self) -> OllamaChoice:
        return OllamaChoice(self.base_url, self.assistant)

    @contextmanager
    def running(self) -> Iterator[OllamaKit]:
        self.runner.start()
        try:
            yield self
        finally:
            self.runner.stop()

    def again(self) -> OllamaKit:
        return OllamaKit(self.folder, self.ollama, self.retries, clock=self.clock)

    def wait(self, pull: PullView, until: Callable[[PullView], bool]) -> PullView:
        """Look at a pull until it is as wanted."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not until(found := self.pulls.get(ADMIN, pull.pull_id)):
            assert time.monotonic() < deadline, f"never came: {found}"
            self.moved.wait(0.02)
            self.moved.clear()
        return found

    def ended(self, pull: PullView) -> PullView:
        return self.wait(pull, lambda one: one.status.status in ENDED)


def note(seen: list[int], value: int) -> bool:
    """Remember a value in passing; always true."""
    seen.append(value)
    return True


def has_ended(pull: PullView) -> bool:
    """Whether it runs and waits no more."""
    return pull.status.status is not DownloadState.DOWNLOADING
