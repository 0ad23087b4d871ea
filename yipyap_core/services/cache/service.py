"""The Hugging Face cache: what it holds, who needs it, what may go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from yipyap_core.clients.cache_trash import CacheTrash
from yipyap_core.clients.hub_cache import CacheScan, HubCache
from yipyap_core.domain.cache import CachedRepo, CacheModel, CacheReport, total_bytes
from yipyap_core.domain.doctor import Finding
from yipyap_core.domain.reclaim import Suggestion
from yipyap_core.domain.users import Principal
from yipyap_core.errors import UnknownRepository
from yipyap_core.services.cache.deletion import CacheDeletion
from yipyap_core.services.cache.doctor import StoreDoctor
from yipyap_core.services.cache.plans import CachePlanner
from yipyap_core.services.cache.reclaim import UNUSED_DAYS, CacheReclaim
from yipyap_core.services.cache.repair import CacheRepair
from yipyap_core.services.cache.upkeep import CacheUpkeep
from yipyap_core.services.cache.usage import CacheUsage, UsageProbe
from yipyap_core.services.cache.verify import CacheVerification
from yipyap_core.services.cache.watch import CacheWatch
from yipyap_core.services.events import EventBus
from yipyap_core.services.registry import RegistryService
from yipyap_core.settings import CacheLocation
from yipyap_core.stores.cache import CacheScanStore, ModelUseStore, PlanStore


def utc_now() -> dt.datetime:
    """The present moment, aware."""
    return dt.datetime.now(dt.UTC)


class CacheService:
    """Use cases of the cache's page and endpoints.

    `deletion` is the only way by which anything leaves the cache, `upkeep` the part that runs by
    itself, `verification` and `repair` look after the contents.
    """

    def __init__(
        self,
        *,
        cache: HubCache,
        location: CacheLocation,
        scans: CacheScanStore,
        uses: ModelUseStore,
        plans: PlanStore,
        registry: RegistryService,
        verification: CacheVerification,
        repair: CacheRepair,
        others: Sequence[CacheLocation] = (),
        trash_days: float = 7.0,
        disk_reserve_bytes: int = 0,
        events: EventBus | None = None,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        """Touch nothing yet; `add_usage` names who needs what."""
        self._cache = cache
        self._location = location
        self._watch = CacheWatch(cache, scans)
        self._usage = CacheUsage(registry, uses)
        self._clock = clock
        self._trash = CacheTrash(cache.cache_dir)
        self._listeners: list[Callable[[], None]] = []
        self._events = events or EventBus()
        self._planner = CachePlanner(cache.cache_dir, self._usage, clock)
        self.deletion = CacheDeletion(
            cache=cache,
            trash=self._trash,
            watch=self._watch,
            planner=self._planner,
            plans=plans,
            clock=clock,
            changed=self._tell,
        )
        self.upkeep = CacheUpkeep(
            cache=cache,
            trash=self._trash,
            trash_days=trash_days,
            reserve_bytes=disk_reserve_bytes,
            clock=clock,
        )
        self.verification = verification
        self.repair = repair
        self._usage.add(repair.in_use)
        repair.on_change(self._tell)
        self._reclaim = CacheReclaim(cache_dir=cache.cache_dir, usage=self._usage, clock=clock)
        self._planner.choose_by(self._reclaim.choose)
        self._doctor = StoreDoctor(
            cache=cache, location=location, others=others, reserve_bytes=disk_reserve_bytes
        )

    def add_usage(self, probe: UsageProbe) -> None:
        """Ask `probe` too before anything is deleted."""
        self._usage.add(probe)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after a deletion or an undo, such as to look at downloads anew."""
        self._listeners.append(listener)

    def expect_change(self) -> None:
        """Hear that a download has ended: whoever asks next is told of what it brought."""
        self._watch.expect_change()

    @property
    def generation(self) -> int:
        """Moves whenever the cache's content was seen to change."""
        return self._watch.generation

    @property
    def total_size_bytes(self) -> int:
        """Size of all repositories by the last walk; touches the disk only when there was none."""
        return total_bytes(scan.repo for scan in self._watch.latest().repos.values())

    def info(self, principal: Principal) -> CacheReport:
        """Look at the cache now; only what changed is read."""
        principal.require_admin()
        return self._report(self._watch.look())

    def latest(self, principal: Principal) -> CacheReport:
        """What the last look found; the cache is touched only after a change that was told of."""
        principal.require_admin()
        return self._report(self._watch.latest())

    def refresh(self, principal: Principal) -> CacheReport:
        """Read every repository anew, access times included."""
        principal.require_admin()
        return self._report(self._watch.look(full=True))

    def reclaimable(
        self, principal: Principal, unused_days: int = UNUSED_DAYS
    ) -> tuple[Suggestion, ...]:
        """Rank what is safe to remove; a plan of kind `RECLAIM` takes the ids."""
        principal.require_admin()
        return self._reclaim.suggestions(self._watch.look(), unused_days)

    def examine(self, principal: Principal) -> tuple[Finding, ...]:
        """Let the store doctor look at the folder."""
        principal.require_admin()
        return self._doctor.examine()

    def record_use(self, repo_folder: str) -> None:
        """Note that a repository was loaded just now."""
        self._usage.record(repo_folder, self._clock())

    def find(self, principal: Principal, repo_id: str, repo_type: str = "model") -> CachedRepo:
        """Find a repository of the cache by its name; raises `UnknownRepository`."""
        principal.require_admin()
        for found in self._watch.look().repos.values():
            if found.repo.repo_id == repo_id and found.repo.repo_type == repo_type:
                return found.repo
        shown = repo_id if len(repo_id) <= 100 else f"{repo_id[:97]}..."
        raise UnknownRepository(f"The cache holds no {repo_type} named {shown!r}.")

    def _tell(self) -> None:
        self._events.publish("cache", str(self._watch.generation))
        for listener in self._listeners:
            listener()

    def _report(self, scan: CacheScan) -> CacheReport:
        used_by = self._usage.used_by()
        last_used = self._usage.last_used()
        ids = self._usage.registry_ids()
        trash = self._trash.entries()
        models = [
            CacheModel(
                repo=found.repo,
                registry_ids=ids.get(folder, ()),
                used_by=used_by.get(folder, ()),
                last_used=last_used.get(folder),
            )
            for folder, found in scan.repos.items()
        ]
        return CacheReport(
            cache_dir=self._location.path,
            source=self._location.source,
            exists=scan.exists,
            disk=self._cache.disk(),
            models=tuple(sorted(models, key=lambda model: (-model.size_bytes, model.repo_id))),
            warnings=_warnings(scan),
            scanned_at=scan.scanned_at,
            total_size_bytes=sum(model.size_bytes for model in models),
            partial_bytes=sum(model.repo.partial_bytes for model in models),
            shared_store_bytes=scan.shared_store_bytes,
            trash_bytes=sum(entry.bytes for entry in trash),
            trash_entries=len(trash),
        )


def _warnings(scan: CacheScan) -> tuple[str, ...]:
    """The cache's own warnings, then those of each repository with its name in front."""
    of_repos = (
        f"{found.repo.repo_id}: {text}"
        for found in scan.repos.values()
        for text in found.repo.warnings
    )
    return (*scan.warnings, *of_repos)
