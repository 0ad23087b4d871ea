"""An engines service over a real store, real workers and stand-ins of the taggers."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.standins.tiny_models import files_of, put_into_cache
from tests.test_engines.pictures import encoded, rgb
from tests.test_families.building import opened
from tests.test_services import config_kit
from yipyap_core.domain.users import Principal, Role
from yipyap_core.engines.loading import PoolOptions
from yipyap_core.engines.memory import Budget
from yipyap_core.families import find_families
from yipyap_core.services.configuration.service import ConfigurationService
from yipyap_core.services.engines.building import PACKAGE, build_engines
from yipyap_core.services.engines.checks import Arrivals
from yipyap_core.services.engines.picture import Picture
from yipyap_core.services.engines.service import EnginesService
from yipyap_core.services.events import EventBus
from yipyap_core.services.registry import RegistryService
from yipyap_core.stores.jobs import JobStore
from yipyap_core.stores.preferences import PreferenceStore
from yipyap_core.stores.registered import RegisteredModelStore

ADA = Principal("ada", "Ada", Role.ADMIN)
EVE = Principal("eve", "Eve", Role.USER)
GUS = Principal("gus", "Gus", Role.GUEST)
PICTURE = Picture(encoded(rgb(90, 60)), timeout_seconds=60)


@dataclass
class Rig:
    """The service with what it stands on."""

    folder: Path
    engine: sa.Engine
    registry: RegistryService
    configuration: ConfigurationService
    service: EnginesService
    missing: set[str] = field(default_factory=set)
    """Models whose download is not complete."""
    used: list[str] = field(default_factory=list)
    events: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    heard: threading.Event = field(default_factory=threading.Event)

    def put(self, *model_ids: str) -> None:
        for model_id in model_ids:
            spec = self.registry.get(model_id)
            put_into_cache(self.folder / "hub", spec.repo, files_of(model_id))


@contextmanager
def rigged(
    folder: Path,
    *,
    users_may_run: bool = False,
    package: str = PACKAGE,
    downloads: EventBus | None = None,
    budget: Budget | None = None,
) -> Iterator[Rig]:
    engine = opened(folder)
    registry = RegistryService(families=find_families(), store=RegisteredModelStore(engine))
    configuration = config_kit.service(folder, engine=engine)
    missing: set[str] = set()
    used: list[str] = []
    events: list[tuple[str, str, Mapping[str, Any]]] = []
    service = build_engines(
        registry=registry,
        configuration=configuration,
        preferences=PreferenceStore(engine),
        cache_dir=folder / "hub",
        scratch_dir=folder / "scratch",
        environment=dict(os.environ),
        is_complete=lambda model_id: model_id not in missing,
        users_may_run=users_may_run,
        downloads=Arrivals(downloads, JobStore(engine)) if downloads else None,
        publish=lambda *event: events.append(event),
        record_use=used.append,
        budget=budget,
        options=PoolOptions(load_timeout_seconds=60),
        package=package,
    )
    try:
        yield Rig(folder, engine, registry, configuration, service, missing, used, events)
    finally:
        service.close()
        engine.dispose()
