"""Puts the cache's service together: its stores, its checks and its repairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from yipyap_core.clients.hub_cache import HubCache
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.services.cache.repair import CacheRepair
from yipyap_core.services.cache.service import CacheService
from yipyap_core.services.cache.verify import CacheVerification
from yipyap_core.services.events import EventBus
from yipyap_core.services.registry import RegistryService
from yipyap_core.settings import CacheLocation, Settings
from yipyap_core.stores.cache import CacheScanStore, ModelUseStore, PlanStore
from yipyap_core.stores.jobs import JobStore


def build_cache(
    *,
    cache: HubCache,
    location: CacheLocation,
    engine: sa.Engine,
    registry: RegistryService,
    runner: JobRunner,
    jobs: JobStore,
    settings: Settings,
    others: Sequence[CacheLocation],
    disabled: Callable[[], bool],
    events: EventBus,
) -> CacheService:
    """Join the parts; `runner` has to know the workers of checks and repairs."""
    verification = CacheVerification(runner=runner, jobs=jobs)
    repair = CacheRepair(
        verification=verification,
        runner=runner,
        jobs=jobs,
        registry=registry,
        cache_dir=location.path,
        disabled=disabled,
    )
    return CacheService(
        cache=cache,
        location=location,
        scans=CacheScanStore(engine),
        uses=ModelUseStore(engine),
        plans=PlanStore(engine),
        registry=registry,
        verification=verification,
        repair=repair,
        others=others,
        trash_days=settings.trash_days,
        disk_reserve_bytes=settings.disk_reserve_bytes,
        events=events,
    )
