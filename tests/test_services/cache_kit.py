"""A cache service over a real folder and a real database, with usage that tests decide."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from tests.standins.waiting import wait_until
from tests.test_clients.caches import RepoMaker
from yipyap_core.clients.hub import HubClient
from yipyap_core.clients.hub_cache import HubCache
from yipyap_core.domain.jobs import JobKind
from yipyap_core.domain.models import ModelSpec
from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import UnknownModel
from yipyap_core.jobs.clock import SystemClock
from yipyap_core.jobs.retry import RetryPolicy
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.jobs.work import Worker
from yipyap_core.services.cache.repair import CacheRepair, Repair
from yipyap_core.services.cache.repair_work import CacheRepairWorker
from yipyap_core.services.cache.service import CacheService
from yipyap_core.services.cache.verify import CacheVerification, CacheVerifyWorker, VerifyView
from yipyap_core.services.downloads.space import SpaceBook
from yipyap_core.settings import CacheLocation
from yipyap_core.stores.cache import CacheScanStore, ModelUseStore, PlanStore
from yipyap_core.stores.jobs import JobStore
from yipyap_core.stores.schema import metadata
from yipyap_core.stores.verified import VerifiedStore
from yipyap_core.transfer import BandwidthLimit, SnapshotTransfer, TransferOptions
from yipyap_core.transfer.disk import free_bytes

ADMIN = Principal("ada", "Ada", Role.ADMIN)
USER = Principal("bob", "Bob", Role.USER)
START = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


class Registry:
    """What the cache asks of the registry."""

    def __init__(self, models: Iterable[ModelSpec] = ()) -> None:
        self.specs = tuple(models)

    def models(self) -> tuple[ModelSpec, ...]:
        return self.specs

    def get(self, model_id: str) -> ModelSpec:
        found = next((spec for spec in self.specs if spec.id == model_id), None)
        if found is None:
            raise UnknownModel(model_id)
        return found


@dataclass
class CacheKit:
    """Everything of one cache."""

    cache_dir: Path
    database: Path | None = None
    """None keeps the stores in memory."""
    models: tuple[ModelSpec, ...] = ()
    trash_days: float = 7.0
    reserve_bytes: int = 0
    used: dict[str, str] = field(default_factory=dict)
    now: dt.datetime = START
    changes: int = 0
    endpoint: str = "http://127.0.0.1:9"
    """Where repairs fetch from; nobody listens there unless a test says otherwise."""
    disabled: bool = False
    free_bytes: int | None = None
    """None: what the volume says."""

    def __post_init__(self) -> None:
        self.engine = _in_memory() if self.database is None else _in_file(self.database)
        metadata.create_all(self.engine)
        self.service = self.restarted()

    def restarted(self) -> CacheService:
        """A further service over the same folder and database."""
        cache = HubCache(self.cache_dir)
        self.registry = Registry(self.models)
        self.verified = VerifiedStore(self.engine)
        self.jobs = JobStore(self.engine)
        workers: dict[JobKind, Worker] = {
            JobKind.CACHE_VERIFY: CacheVerifyWorker(cache=cache, verified=self.verified),
            JobKind.CACHE_REPAIR: self._repair_worker(),
        }
        retry = RetryPolicy(max_retries=1, base_seconds=0.05)
        self.runner = JobRunner(self.jobs, workers, 1, SystemClock(), retry=retry)
        verification = CacheVerification(runner=self.runner, jobs=self.jobs)
        service = CacheService(
            cache=cache,
            location=CacheLocation(self.cache_dir, "HF_HOME"),
            scans=CacheScanStore(self.engine),
            uses=ModelUseStore(self.engine),
            plans=PlanStore(self.engine),
            registry=self.registry,  # type: ignore[arg-type]  # what it asks
            verification=verification,
            repair=CacheRepair(
                verification=verification,
                runner=self.runner,
                jobs=self.jobs,
                registry=self.registry,
                cache_dir=self.cache_dir,
                disabled=lambda: self.disabled,
            ),
            trash_days=self.trash_days,
            disk_reserve_bytes=self.reserve_bytes,
            clock=lambda: self.now,
        )
        service.add_usage(lambda: self.used)
        service.on_change(self._count)
        return service

    def _repair_worker(self) -> CacheRepairWorker:
        hub = HubClient(self.endpoint, lambda: None)
        space = SpaceBook(
            store=self.jobs, cache_dir=self.cache_dir, reserve_bytes=0, free_bytes=self._free_bytes
        )
        return CacheRepairWorker(
            cache_dir=self.cache_dir,
            hub=hub,
            transfer_into=self._transfer_into,
            verified=self.verified,
            space=space,
            lock_timeout_seconds=0.2,
        )

    def _transfer_into(self, cache_dir: Path) -> SnapshotTransfer:
        options = TransferOptions(
            endpoint=self.endpoint, cache_dir=cache_dir, attempts=2, backoff_seconds=0.02
        )
        return SnapshotTransfer(options, token=lambda: None, limit=BandwidthLimit())

    def _free_bytes(self, folder: Path) -> int:
        return free_bytes(folder) if self.free_bytes is None else self.free_bytes

    def _count(self) -> None:
        self.changes += 1


@contextmanager
def working(kit: CacheKit) -> Iterator[None]:
    """Let background jobs run, then stop the server; the next one has the same store."""
    kit.runner.start()
    try:
        yield
    finally:
        kit.runner.stop()
        kit.service = kit.restarted()


def checked(kit: CacheKit, folder: str | None = None) -> VerifyView:
    """Check one repository or all, to the end."""
    verification = kit.service.verification
    with working(kit):
        view = verification.start(ADMIN, folder)
        wait_until(
            lambda: verification.get(ADMIN, view.verify_id).finished,
            timeout_seconds=30,
            last=lambda: [verification.get(ADMIN, view.verify_id)],
        )
    return verification.get(ADMIN, view.verify_id)


def repaired(kit: CacheKit, verify_id: str) -> tuple[Repair, ...]:
    """Repair what a check found, each job to its end."""
    repair = kit.service.repair
    with working(kit):
        begun = [one.repair_id for one in repair.repair(ADMIN, verify_id)]
        wait_until(
            lambda: not repair.running(ADMIN),
            timeout_seconds=30,
            last=lambda: repair.repairs(ADMIN),
        )
    return tuple(repair.get(ADMIN, one) for one in begun)


def _in_file(path: Path) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{path}")


def _in_memory() -> sa.Engine:
    return sa.create_engine(
        "sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False}
    )


def two_revisions(cache_dir: Path) -> tuple[RepoMaker, str, str]:
    """An old and a new revision that share one of two files."""
    repo = RepoMaker(cache_dir)
    old = repo.commit({"a.bin": b"1" * 100, "same.bin": b"2" * 200}, refs=("v1",))
    new = repo.commit({"a.bin": b"3" * 300, "same.bin": b"2" * 200})
    return repo, old, new
