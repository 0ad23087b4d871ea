"""A downloads service with everything real but the hub: store, runner, transfer, cache folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlalchemy as sa

from tests.standins.hub import HubInterface
from yipyap_core.clients.hub import HubClient
from yipyap_core.domain.download_queue import DownloadLimits
from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.domain.jobs import JobKind
from yipyap_core.domain.models import ModelSpec
from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import UnknownModel
from yipyap_core.jobs.clock import SystemClock
from yipyap_core.jobs.retry import RetryPolicy
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.services.downloads.limits import DownloadGate, LimitBook
from yipyap_core.services.downloads.service import DownloadsService
from yipyap_core.services.downloads.space import SpaceBook
from yipyap_core.services.downloads.worker import DownloadWorker
from yipyap_core.stores.engine import open_engine
from yipyap_core.stores.jobs import JobStore
from yipyap_core.stores.preferences import PreferenceStore
from yipyap_core.stores.schema import metadata
from yipyap_core.stores.verified import VerifiedStore
from yipyap_core.transfer import BandwidthLimit, SnapshotTransfer, TransferOptions
from yipyap_core.transfer.disk import free_bytes

ADMIN = Principal("ada", "Ada", Role.ADMIN)
USER = Principal("uma", "Uma", Role.USER)
Predicate = Callable[[DownloadStatus], bool]


class Shelf:
    """The models of a test."""

    def __init__(self) -> None:
        self.specs: dict[str, ModelSpec] = {}

    def add(self, model_id: str, repo_id: str, **fields: object) -> ModelSpec:
        spec = ModelSpec(model_id, model_id, "", repo_id, 0, "mit")
        self.specs[model_id] = replace(spec, **fields)  # type: ignore[arg-type]
        return self.specs[model_id]

    def get(self, model_id: str) -> ModelSpec:
        if model_id not in self.specs:
            raise UnknownModel(model_id)
        return self.specs[model_id]

    def models(self) -> tuple[ModelSpec, ...]:
        return tuple(self.specs.values())


@dataclass
class Switches:
    """What a test changes while the service runs."""

    disabled: bool = False
    token: str | None = None
    free_bytes: int | None = None


@dataclass
class Rig:
    """One server's worth of downloads on a folder; `again` is the next process on the same one."""

    folder: Path
    hub: HubInterface
    options: dict[str, object] = field(default_factory=dict)
    reserve_bytes: int = 0
    max_concurrent: int = 2
    shelf: Shelf = field(default_factory=Shelf)
    switches: Switches = field(default_factory=Switches)
    cache_dir: Path | None = None

    def __post_init__(self) -> None:
        self.cache = self.cache_dir or self.folder / "hub"
        self.clock = SystemClock()
        self.engine: sa.Engine = open_engine(f"sqlite:///{self.folder / 'store.sqlite3'}")
        metadata.create_all(self.engine)
        self.store = JobStore(self.engine)
        self.verified = VerifiedStore(self.engine)
        self.bandwidth = BandwidthLimit()
        self.space = SpaceBook(
            store=self.store,
            cache_dir=self.cache,
            reserve_bytes=self.reserve_bytes,
            free_bytes=self._free_bytes,
        )
        self.limits = LimitBook(
            store=PreferenceStore(self.engine),
            default=DownloadLimits(self.max_concurrent),
            bandwidth=self.bandwidth,
            clock=self.clock,
        )
        self.runner = self._runner()
        self.service = DownloadsService(
            catalog=self.shelf,
            jobs=self.store,
            runner=self.runner,
            verified=self.verified,
            space=self.space,
            limits=self.limits,
            cache_dir=self.cache,
            disabled=self._disabled,
            clock=self.clock,
        )

    def _runner(self) -> JobRunner:
        self.worker = DownloadWorker(
            catalog=self.shelf,
            hub=HubClient(self.hub.endpoint, lambda: self.switches.token),
            transfer=self._transfer(),
            verified=self.verified,
            space=self.space,
            cache_dir=self.cache,
            full_wait_seconds=0.2,
        )
        return JobRunner(
            self.store,
            {JobKind.DOWNLOAD: self.worker},
            self.max_concurrent,
            self.clock,
            retry=RetryPolicy(max_retries=1, base_seconds=0.05),
            gate=DownloadGate(limits=self.limits, space=self.space, disabled=self._disabled),
        )

    def _disabled(self) -> bool:
        return self.switches.disabled

    def _transfer(self) -> SnapshotTransfer:
        options = TransferOptions(
            endpoint=self.hub.endpoint,
            cache_dir=self.cache,
            **{"attempts": 2, "backoff_seconds": 0.02, **self.options},  # type: ignore[arg-type]
        )
        return SnapshotTransfer(options, token=lambda: self.switches.token, limit=self.bandwidth)

    def _free_bytes(self, folder: Path) -> int:
        return free_bytes(folder) if self.switches.free_bytes is None else self.switches.free_bytes

    def start(self) -> Rig:
        self.runner.start()
        return self

    def close(self) -> None:
        self.runner.stop()
        self.engine.dispose()

    def again(self) -> Rig:
        """Another process on the same store and cache, not started."""
        return replace(self)

    def download(self, model_id: str) -> DownloadStatus:
        """Start, and wait for the end."""
        self.service.start(ADMIN, model_id)
        return self.end_of(model_id)

    def end_of(self, model_id: str) -> DownloadStatus:
        return self.wait(model_id, lambda one: one.status is not DownloadState.DOWNLOADING)

    def wait(
        self, model_id: str, predicate: Predicate, timeout_seconds: float = 30.0
    ) -> DownloadStatus:
        """Wait for a status, woken by the service's own events."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            number = self.service.events.last_number
            status = self.service.status(model_id)
            if predicate(status):
                return status
            assert time.monotonic() < deadline, f"not in time: {status}"
            self.service.events.wait(number, 0.05)

    def blob_bytes(self) -> int:
        """What lies on the disk, finished or not."""
        return sum(
            path.stat().st_size
            for path in self.cache.glob("models--*/blobs/*")
            if not path.name.endswith(".json")
        )
