"""Engines for pages without a server: real workers, tiny checkpoints in a cache of their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from tests.standins.tiny_models import files_of, put_into_cache
from yipyap_core.engines.loading import PoolOptions
from yipyap_core.services.configuration.service import ConfigurationService
from yipyap_core.services.engines.building import build_engines
from yipyap_core.services.engines.service import EnginesService
from yipyap_core.services.registry import RegistryService
from yipyap_core.stores.preferences import PreferenceStore


def engines_over(
    folder: Path,
    engine: sa.Engine,
    registry: RegistryService,
    configuration: ConfigurationService,
    is_complete: Callable[[str], bool],
) -> EnginesService:
    """Every family's engine; a worker starts with the first request and not before."""
    return build_engines(
        registry=registry,
        configuration=configuration,
        preferences=PreferenceStore(engine),
        cache_dir=folder / "hub",
        scratch_dir=folder / "scratch",
        environment=dict(os.environ),
        is_complete=is_complete,
        users_may_run=False,
        downloads=None,
        publish=lambda *_: None,
        record_use=lambda _: None,
        options=PoolOptions(load_timeout_seconds=60),
    )


def put_tiny(folder: Path, registry: RegistryService, *model_ids: str) -> None:
    """Lay tiny checkpoints into the cache, as downloads would have."""
    for model_id in model_ids:
        put_into_cache(folder / "hub", registry.get(model_id).repo, files_of(model_id))
