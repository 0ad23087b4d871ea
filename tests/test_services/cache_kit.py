"""A cache service over a real folder and a real database, with usage that tests decide."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from tests.test_clients.caches import RepoMaker
from yipyap_core.clients.hub_cache import HubCache
from yipyap_core.domain.jobs import JobKind
from yipyap_core.domain.models import ModelSpec
from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import UnknownModel
from yipyap_core.jobs.clock import SystemClock
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.services.cache import CacheService
from yipyap_core.services.cache_verify import CacheVerification, CacheVerifyWorker
from yipyap_core.settings import CacheLocation
from yipyap_core.stores.cache import CacheScanStore, ModelUseStore, PlanStore
from yipyap_core.stores.jobs import JobStore
from yipyap_core.stores.schema import metadata
from yipyap_core.stores.verified import VerifiedStore

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
        worker = CacheVerifyWorker(cache=cache, verified=self.verified)
        self.runner = JobRunner(self.jobs, {JobKind.CACHE_VERIFY: worker}, 2, SystemClock())
        service = CacheService(
            cache=cache,
            location=CacheLocation(self.cache_dir, "HF_HOME"),
            scans=CacheScanStore(self.engine),
            uses=ModelUseStore(self.engine),
            plans=PlanStore(self.engine),
            registry=self.registry,  # type: ignore[arg-type]  # what it asks
            verification=CacheVerification(runner=self.runner, jobs=self.jobs),
            trash_days=self.trash_days,
            disk_reserve_bytes=self.reserve_bytes,
            clock=lambda: self.now,
        )
        service.add_usage(lambda: self.used)
        service.on_change(self._count)
        return service

    def _count(self) -> None:
        self.changes += 1


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
