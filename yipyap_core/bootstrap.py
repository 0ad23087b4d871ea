"""The composition root: builds the services once per process, and starts and stops what runs.

The only place that knows concrete classes. Nothing happens at import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from yipyap_core import settings as environment
from yipyap_core.clients.hub import HubClient
from yipyap_core.clients.hub_cache import HubCache
from yipyap_core.clients.ollama_registry import OllamaRegistry
from yipyap_core.clients.system import SystemClient
from yipyap_core.domain.download_queue import DownloadLimits
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.jobs import JobKind
from yipyap_core.families import find_configs, find_families
from yipyap_core.jobs.clock import Clock, SystemClock
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.jobs.work import Worker
from yipyap_core.services import container
from yipyap_core.services.accounts.service import open_accounts
from yipyap_core.services.cache.building import build_cache
from yipyap_core.services.cache.service import CacheService
from yipyap_core.services.cache.usage import DownloadUsage
from yipyap_core.services.cache.verify import CacheVerifyWorker
from yipyap_core.services.configuration.paths import PathRules, allowed_roots
from yipyap_core.services.configuration.service import ConfigurationService
from yipyap_core.services.container import Services
from yipyap_core.services.downloads.building import hub_workers
from yipyap_core.services.downloads.limits import DownloadGate, LimitBook
from yipyap_core.services.downloads.service import DownloadsService
from yipyap_core.services.downloads.space import SpaceBook
from yipyap_core.services.engines.building import budget_of, build_engines, options_of
from yipyap_core.services.engines.checks import Arrivals
from yipyap_core.services.engines.service import EnginesService
from yipyap_core.services.events import EventBus
from yipyap_core.services.host import HostService
from yipyap_core.services.hub import HubService
from yipyap_core.services.ollama.pulls import OllamaPulls, OllamaPullWorker
from yipyap_core.services.ollama.service import OllamaChoice, OllamaService, connector
from yipyap_core.services.registry import RegistryService
from yipyap_core.settings import CacheLocation, Settings
from yipyap_core.stores.configs import ConfigStore
from yipyap_core.stores.engine import migrate, open_engine
from yipyap_core.stores.jobs import JobStore
from yipyap_core.stores.preferences import PreferenceStore
from yipyap_core.stores.registered import RegisteredModelStore
from yipyap_core.stores.verified import VerifiedStore
from yipyap_core.transfer import BandwidthLimit, Proxies, TransferOptions
from yipyap_core.transfer.disk import free_bytes
from yipyap_core.transfer.turns import turns_in


@dataclass(frozen=True, slots=True)
class Application:
    """The services and what runs behind them."""

    services: Services
    runner: JobRunner
    engine: sa.Engine

    def start(self) -> None:
        """Begin background work and let pages and routes find the services."""
        container.install(self.services)
        self.runner.start()
        self.services.engines.start()

    def stop(self) -> None:
        """Stop background work, keeping what it has, and close the store."""
        self.services.engines.close()
        self.runner.stop()
        container.uninstall()
        self.engine.dispose()


@dataclass(frozen=True, slots=True)
class Ground:
    """What several services stand on."""

    settings: Settings
    engine: sa.Engine
    location: CacheLocation
    events: EventBus
    registry: RegistryService
    jobs: JobStore
    verified: VerifiedStore
    clock: Clock


def build(settings: Settings) -> Application:
    """Build everything over a store that is brought to the present schema; start nothing."""
    ground = _ground(settings)
    hub, space = HubClient(settings.hub_endpoint, environment.hub_token), _space(ground)
    configuration = _configuration(ground)
    choice, folder = partial(_ollama_choice, configuration), HubCache(ground.location.path)
    further: dict[JobKind, Worker] = {
        JobKind.OLLAMA_PULL: OllamaPullWorker(connector(choice)),
        JobKind.CACHE_VERIFY: CacheVerifyWorker(cache=folder, verified=ground.verified),
    }
    downloads, runner = _downloads(ground, hub, space, further)
    cache = _cache(ground, folder, downloads, runner)
    space.use_trash(cache.upkeep.give_way)
    services = Services(
        settings=settings,
        accounts=open_accounts(settings, ground.engine),
        registry=ground.registry,
        downloads=downloads,
        cache=cache,
        ollama=_ollama(ground, choice, runner),
        configuration=configuration,
        host=_host(ground),
        hub=HubService(hub=hub, available_bytes=space.available_bytes),
        engines=_engines(ground, configuration, cache, downloads),
    )
    return Application(services, runner, ground.engine)


def _ground(settings: Settings) -> Ground:
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_engine(settings.store_url)
    migrate(engine)
    return Ground(
        settings=settings,
        engine=engine,
        location=environment.hub_cache(),
        events=EventBus(),
        registry=RegistryService(families=find_families(), store=RegisteredModelStore(engine)),
        jobs=JobStore(engine),
        verified=VerifiedStore(engine),
        clock=SystemClock(),
    )


def _downloads(
    ground: Ground, hub: HubClient, space: SpaceBook, further: Mapping[JobKind, Worker]
) -> tuple[DownloadsService, JobRunner]:
    bandwidth = BandwidthLimit(turns=turns_in(ground.settings.state_dir))
    limits = _limits(ground, bandwidth)
    runner = JobRunner(
        ground.jobs,
        {**_hub_workers(ground, hub, bandwidth, space), **further},
        ground.settings.max_concurrent,
        ground.clock,
        gate=DownloadGate(limits=limits, space=space, disabled=environment.downloads_disabled),
    )
    runner.set_max_concurrent(1, JobKind.CACHE_REPAIR)  # two of one repository share contents
    service = DownloadsService(
        catalog=ground.registry,
        jobs=ground.jobs,
        runner=runner,
        verified=ground.verified,
        space=space,
        limits=limits,
        cache_dir=ground.location.path,
        disabled=environment.downloads_disabled,
        events=ground.events,
        clock=ground.clock,
    )
    return service, runner


def _limits(ground: Ground, bandwidth: BandwidthLimit) -> LimitBook:
    settings = ground.settings
    return LimitBook(
        store=PreferenceStore(ground.engine),
        default=DownloadLimits(settings.max_concurrent, settings.bandwidth_limit_bps),
        bandwidth=bandwidth,
        clock=ground.clock,
    )


def _space(ground: Ground) -> SpaceBook:
    return SpaceBook(
        store=ground.jobs,
        cache_dir=ground.location.path,
        reserve_bytes=ground.settings.disk_reserve_bytes,
        free_bytes=free_bytes,
    )


def _hub_workers(
    ground: Ground, hub: HubClient, bandwidth: BandwidthLimit, space: SpaceBook
) -> dict[JobKind, Worker]:
    return hub_workers(
        catalog=ground.registry,
        hub=hub,
        options=_options(ground),
        token=environment.hub_token,
        limit=bandwidth,
        verified=ground.verified,
        space=space,
    )


def _options(ground: Ground) -> TransferOptions:
    settings = ground.settings
    return TransferOptions(
        endpoint=settings.hub_endpoint.rstrip("/"),
        cache_dir=ground.location.path,
        proxies=Proxies.from_environ(environment.proxy_variables()),
        ca_file=environment.ca_file(),
        stall_seconds=settings.stall_seconds,
        lock_timeout_seconds=settings.lock_timeout_seconds,
    )


def _configuration(ground: Ground) -> ConfigurationService:
    settings = ground.settings
    roots = allowed_roots(
        settings.model_roots, state_dir=settings.state_dir, cache_dir=ground.location.path
    )
    return ConfigurationService(
        declarations=find_configs(),
        store=ConfigStore(ground.engine),
        paths=PathRules(roots),
        publish=ground.events.publish,
    )


def _cache(
    ground: Ground, folder: HubCache, downloads: DownloadsService, runner: JobRunner
) -> CacheService:
    service = build_cache(
        cache=folder,
        location=ground.location,
        engine=ground.engine,
        registry=ground.registry,
        runner=runner,
        jobs=ground.jobs,
        settings=ground.settings,
        others=environment.other_hub_caches(),
        disabled=environment.downloads_disabled,
        events=ground.events,
    )
    service.add_usage(DownloadUsage(downloads.statuses, ground.registry))
    service.on_change(downloads.refresh)
    runner.listen(lambda _job_id: service.expect_change())
    return service


def _engines(
    ground: Ground,
    configuration: ConfigurationService,
    cache: CacheService,
    downloads: DownloadsService,
) -> EnginesService:
    def is_complete(model_id: str) -> bool:
        return downloads.status(model_id).status is DownloadState.COMPLETED

    engines = build_engines(
        registry=ground.registry,
        configuration=configuration,
        preferences=PreferenceStore(ground.engine),
        cache_dir=ground.location.path,
        scratch_dir=ground.settings.state_dir / "engines",
        environment=environment.worker_environment(),
        is_complete=is_complete,
        users_may_run=ground.settings.users_may_run,
        downloads=Arrivals(ground.events, ground.jobs) if ground.settings.engine_canary else None,
        budget=budget_of(ground.settings),
        options=options_of(ground.settings),
        publish=ground.events.publish,
        record_use=cache.record_use,
    )
    cache.add_usage(engines.in_use)
    return engines


def _ollama_choice(configuration: ConfigurationService) -> OllamaChoice:
    config = configuration.current("ollama").model_dump()
    return OllamaChoice(config["base_url"], config["assistant_model"])


def _ollama(ground: Ground, choice: Callable[[], OllamaChoice], runner: JobRunner) -> OllamaService:
    pulls = OllamaPulls(
        connect=connector(choice),
        runner=runner,
        jobs=ground.jobs,
        disabled=environment.downloads_disabled,
        events=ground.events,
    )
    registry = OllamaRegistry(ground.settings.ollama_registry_url)
    return OllamaService(choice=choice, pulls=pulls, registry=registry, clock=ground.clock.now)


def _host(ground: Ground) -> HostService:
    folders = {"cache": ground.location.path, "state": ground.settings.state_dir}
    return HostService(
        system=SystemClient(),
        stores={name: partial(Path, folder) for name, folder in folders.items()},
    )
