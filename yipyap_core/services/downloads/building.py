"""Makes the workers of the jobs that fetch from the hub; they share its line, room and record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from yipyap_core.domain.jobs import JobKind
from yipyap_core.jobs.work import Worker
from yipyap_core.services.cache.repair_work import CacheRepairWorker
from yipyap_core.services.downloads.resolving import Resolver
from yipyap_core.services.downloads.space import SpaceBook
from yipyap_core.services.downloads.worker import Catalog, DownloadWorker
from yipyap_core.stores.verified import VerifiedStore
from yipyap_core.transfer import BandwidthLimit, SnapshotTransfer, TransferOptions


def hub_workers(
    *,
    catalog: Catalog,
    hub: Resolver,
    options: TransferOptions,
    token: Callable[[], str | None],
    limit: BandwidthLimit,
    verified: VerifiedStore,
    space: SpaceBook,
) -> dict[JobKind, Worker]:
    """One worker for downloads and one for repairs, which fetch into a folder beside the cache."""

    def transfer_into(folder: Path) -> SnapshotTransfer:
        return SnapshotTransfer(replace(options, cache_dir=folder), token=token, limit=limit)

    download = DownloadWorker(
        catalog=catalog,
        hub=hub,
        transfer=transfer_into(options.cache_dir),
        verified=verified,
        space=space,
        cache_dir=options.cache_dir,
    )
    repair = CacheRepairWorker(
        cache_dir=options.cache_dir,
        hub=hub,
        transfer_into=transfer_into,
        verified=verified,
        space=space,
        lock_timeout_seconds=options.lock_timeout_seconds,
    )
    return {JobKind.DOWNLOAD: download, JobKind.CACHE_REPAIR: repair}
