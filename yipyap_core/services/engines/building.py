"""Builds the engines service from what the composition root has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from yipyap_core.engines.base import find_engines
from yipyap_core.engines.loading import PoolOptions
from yipyap_core.engines.memory import Budget, SystemMeasure
from yipyap_core.engines.pool import EnginePool
from yipyap_core.services.configuration.service import ConfigurationService
from yipyap_core.services.engines.canary import CanaryBook
from yipyap_core.services.engines.checks import Arrivals
from yipyap_core.services.engines.choices import EngineChoices
from yipyap_core.services.engines.service import EnginesService
from yipyap_core.services.registry import RegistryService
from yipyap_core.settings import Settings
from yipyap_core.stores.preferences import PreferenceStore

PACKAGE = "yipyap_core.engines.families"


def build_engines(
    *,
    registry: RegistryService,
    configuration: ConfigurationService,
    preferences: PreferenceStore,
    cache_dir: Path,
    scratch_dir: Path,
    environment: Mapping[str, str],
    is_complete: Callable[[str], bool],
    users_may_run: bool,
    downloads: Arrivals | None,
    publish: Callable[[str, str, Mapping[str, Any]], object],
    record_use: Callable[[str], None],
    budget: Budget | None = None,
    options: PoolOptions | None = None,
    package: str = PACKAGE,
) -> EnginesService:
    """Find the engines and put pool, choices and service together; nothing is started.

    `scratch_dir` is where libraries in workers may write their settings. Models that arrive by one
    of the `downloads` are checked by themselves; None: none is.
    """
    engines = find_engines(package)
    pool = EnginePool(
        engines=engines,
        package=package,
        environment={**environment, "YOLO_CONFIG_DIR": str(scratch_dir)},
        measure=SystemMeasure(environment),
        budget=budget,
        options=options,
    )
    choices = EngineChoices(
        engines=engines,
        registry=registry,
        settings=configuration,
        cache_dir=cache_dir,
        is_complete=is_complete,
    )
    service = EnginesService(
        pool=pool,
        choices=choices,
        registry=registry,
        canaries=CanaryBook(preferences),
        downloads=downloads,
        users_may_run=users_may_run,
        publish=publish,
        record_use=record_use,
    )
    configuration.on_change(service.config_changed)
    return service


def budget_of(settings: Settings) -> Budget:
    """What the settings let models take."""
    return Budget(settings.engine_ram_budget, settings.engine_gpu_budget)


def options_of(settings: Settings) -> PoolOptions:
    """How patient the settings let the pool be."""
    return PoolOptions(
        request_timeout_seconds=settings.engine_timeout_seconds,
        load_timeout_seconds=settings.engine_load_timeout_seconds,
        idle_seconds=settings.engine_idle_minutes * 60 or None,
        queue_limit=settings.engine_queue_limit,
        cpu_precision=settings.engine_cpu_precision,
    )
