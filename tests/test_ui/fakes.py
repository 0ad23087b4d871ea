"""Services for pages without a server: accounts and registry are real, downloads set by hand."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import jwt

from tests.test_ui.try_kit import engines_over
from yipyap_core.domain.download_queue import (
    UNCHANGED,
    DownloadLimits,
    KeptSummary,
    OtherWork,
    QueueStatus,
    QuietHours,
    Unchanged,
)
from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.domain.jobs import Failure, Job, JobEvent, Phase, Progress
from yipyap_core.domain.users import SYSTEM, Principal, Role
from yipyap_core.errors import OllamaUnavailable, UnknownModel
from yipyap_core.families import find_configs, find_families
from yipyap_core.services.accounts.service import AccountsService, open_accounts
from yipyap_core.services.configuration.paths import PathRules
from yipyap_core.services.configuration.service import ConfigurationService
from yipyap_core.services.container import Services
from yipyap_core.services.registry import RegistryService
from yipyap_core.settings import Settings
from yipyap_core.stores.configs import ConfigStore
from yipyap_core.stores.engine import migrate, open_engine
from yipyap_core.stores.registered import RegisteredModelStore

PASSWORD = "correct horse staple"
NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
CHEAP_ROUNDS = 4
PEOPLE = (
    ("alice", "Alice Archer", Role.ADMIN),
    ("bob", "Bob Baker", Role.USER),
    ("gus", "Gus Guest", Role.GUEST),
)


@dataclass
class FakeDownloads:
    """Holds statuses and records what it was asked; the contract of `DownloadsService`."""

    by_id: dict[str, DownloadStatus] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    """The history, youngest first."""
    quiet_hours: QuietHours | None = None
    is_quiet: bool = False
    max_concurrent: int = 2
    bandwidth_limit_bps: int | None = None
    others: OtherWork = field(default_factory=OtherWork)
    generation: int = 0

    def status(self, model_id: str) -> DownloadStatus:
        if model_id not in self.by_id:
            raise UnknownModel(model_id)
        return self.by_id[model_id]

    def statuses(self) -> dict[str, DownloadStatus]:
        return dict(self.by_id)

    def queue(self) -> QueueStatus:
        live = [s for s in self.by_id.values() if s.status is DownloadState.DOWNLOADING]
        running = tuple(s for s in live if s.phase not in {Phase.QUEUED, Phase.PAUSED})
        return QueueStatus(
            running=running,
            queued=tuple(s for s in live if s.phase is Phase.QUEUED),
            paused=tuple(s for s in live if s.phase is Phase.PAUSED),
            max_concurrent=self.max_concurrent,
            bandwidth_limit_bps=self.bandwidth_limit_bps,
            total_speed_bps=sum(s.progress.speed_bps for s in running),
            eta_seconds=None,
            quiet_hours=self.quiet_hours,
            is_quiet=self.is_quiet,
        )

    def rules(self) -> tuple[DownloadLimits, bool]:
        limits = DownloadLimits(self.max_concurrent, self.bandwidth_limit_bps, self.quiet_hours)
        return limits, self.is_quiet

    def is_complete(self, model_id: str) -> bool:
        return self.status(model_id).status is DownloadState.COMPLETED

    def other_work(self) -> OtherWork:
        return self.others

    def speeds(self, model_id: str) -> tuple[float, ...]:
        self.status(model_id)
        return (1e6, 2e6, 3e6)

    def set(self, model_id: str, **changes: Any) -> None:
        self.by_id[model_id] = dataclasses.replace(self.by_id[model_id], **changes)
        self.generation += 1

    def start(self, principal: Principal, model_id: str) -> tuple[DownloadStatus, bool]:
        self._note(principal, "start", model_id)
        self.set(model_id, status=DownloadState.DOWNLOADING, phase=Phase.QUEUED, error=None)
        return self.by_id[model_id], True

    def pause(self, principal: Principal, model_id: str) -> DownloadStatus:
        self._note(principal, "pause", model_id)
        self.set(model_id, phase=Phase.PAUSED)
        return self.by_id[model_id]

    def resume(self, principal: Principal, model_id: str) -> DownloadStatus:
        self._note(principal, "resume", model_id)
        self.set(model_id, phase=Phase.QUEUED)
        return self.by_id[model_id]

    def cancel(self, principal: Principal, model_id: str, keep: bool = True) -> DownloadStatus:
        self._note(principal, "cancel" if keep else "discard", model_id)
        self.set(model_id, status=DownloadState.NOT_STARTED, phase=Phase.CANCELLED)
        return self.by_id[model_id]

    def what_is_kept(self, model_id: str) -> KeptSummary:
        progress = self.status(model_id).progress
        return KeptSummary(progress.files_done, progress.files_total, progress.bytes_done)

    def timeline(self, model_id: str) -> tuple[JobEvent, ...]:
        self.status(model_id)
        return (
            JobEvent(NOW, "queued", "Asked for by alice."),
            JobEvent(NOW, "resolving", "Asked the hub for the files of main."),
            JobEvent(NOW, "transferring", "2 files, 379 MB."),
        )

    def history(self, model_id: str | None, limit: int) -> tuple[Job, ...]:
        return tuple(job for job in self.jobs if model_id in {None, job.subject})[:limit]

    def job_timeline(self, job_id: str) -> tuple[JobEvent, ...]:
        (job,) = [one for one in self.jobs if one.id == job_id]
        return self.timeline(job.subject)

    def set_limits(
        self,
        principal: Principal,
        max_concurrent: int | None = None,
        bandwidth_limit_bps: int | None = None,
        quiet_hours: QuietHours | Unchanged | None = UNCHANGED,
    ) -> None:
        self._note(principal, "limits", f"{max_concurrent} {bandwidth_limit_bps} {quiet_hours}")

    def prioritise(self, principal: Principal, model_id: str, priority: int) -> None:
        self._note(principal, f"priority {priority}", model_id)
        self.set(model_id, priority=priority)

    def move(self, principal: Principal, model_id: str, steps: int) -> None:
        self._note(principal, f"move {steps}", model_id)

    def file_names(self, model_id: str) -> tuple[str, ...]:
        known = self.status(model_id).progress.files_total
        return ("config.json", "model.onnx")[:known]

    def restart_file(self, principal: Principal, model_id: str, path: str) -> DownloadStatus:
        self._note(principal, f"restart {path}", model_id)
        return self.by_id[model_id]

    def refresh(self) -> None:
        self.calls.append(("refresh", ""))

    def _note(self, principal: Principal, what: str, model_id: str) -> None:
        principal.require_admin()
        self.calls.append((what, model_id))


def one_of_each(registry: RegistryService) -> dict[str, DownloadStatus]:
    """A status for every model, with every state among them."""
    # long: one entry a state
    found = {
        spec.id: DownloadStatus(spec.id, DownloadState.NOT_STARTED, Phase.IDLE, Progress())
        for spec in registry.models()
    }
    found["wdv3-vit"] = DownloadStatus(
        "wdv3-vit",
        DownloadState.DOWNLOADING,
        Phase.TRANSFERRING,
        Progress(171_000_000, 379_308_000, 1, 2, "model.onnx", 42_300_000.0, 4.9),
        attempt=1,
        started_at=NOW,
    )
    found["florence2-large"] = DownloadStatus(
        "florence2-large",
        DownloadState.DOWNLOADING,
        Phase.STALLED,
        Progress(1_100_000_000, 3_100_000_000, 3, 9, "model.safetensors", 0.0, None),
        attempt=2,
        started_at=NOW,
    )
    found["joycaption"] = DownloadStatus(
        "joycaption",
        DownloadState.DOWNLOADING,
        Phase.QUEUED,
        Progress(0, 16_900_000_000, 0, 14),
    )
    found["yolo-s"] = DownloadStatus(
        "yolo-s",
        DownloadState.DOWNLOADING,
        Phase.PAUSED,
        Progress(9_000_000, 19_000_000, 0, 1),
        resumable_bytes=9_000_000,
    )
    found["yolo-n"] = DownloadStatus(
        "yolo-n",
        DownloadState.COMPLETED,
        Phase.DONE,
        Progress(5_600_000, 5_600_000, 1, 1),
        verified=True,
        resolved_commit="7f6b584d0bd3f55c4531f14ba3d4761b2bccdc0f",
        finished_at=NOW,
    )
    found["jtp2"] = DownloadStatus(
        "jtp2",
        DownloadState.COMPLETED,
        Phase.DONE,
        Progress(1_720_000_000, 1_720_000_000, 2, 2),
        resolved_commit="7f6b584d0bd3f55c4531f14ba3d4761b2bccdc0f",
    )
    found["llada"] = DownloadStatus(
        "llada",
        DownloadState.FAILED,
        Phase.IDLE,
        Progress(4_100_000_000, 16_000_000_000, 4, 12),
        attempt=3,
        error=Failure(
            "cache_read_only",
            "The cache may not be written.",
            "Give the server's user the right to write there, then retry.",
            True,
        ),
        resumable_bytes=4_100_000_000,
        finished_at=NOW,
    )
    found["watermark-owlv2"] = DownloadStatus(
        "watermark-owlv2", DownloadState.DISABLED, Phase.IDLE, Progress()
    )
    return found


class _NoPulls:
    """Stands for an Ollama that nothing is pulled into."""

    def running(self, *_: object) -> tuple[()]:
        return ()


class _Away:
    """Stands for a service that does not answer."""

    pulls = _NoPulls()

    def status(self, *_: object) -> Any:
        raise OllamaUnavailable

    models = status


@dataclass(frozen=True)
class House:
    """The services, and the parts that tests set by hand."""

    services: Services
    accounts: AccountsService
    downloads: FakeDownloads

    @property
    def administrator(self) -> Principal:
        """The first of the people."""
        return Principal("alice", "Alice Archer", Role.ADMIN)

    def credential_of(self, username: str) -> str:
        """What the browser's cookie holds after a sign-in."""
        expiry = dt.datetime.now() + dt.timedelta(days=1)
        claims = {"username": username, "exp_date": expiry.timestamp()}
        return jwt.encode(claims, self.accounts.cookie_key(), algorithm="HS256")


def build(folder: Path, *, with_people: bool = True, **settings: Any) -> House:
    """Make services over a fresh store, by default with an administrator, a user and a guest."""
    chosen = Settings(home=folder, **settings)
    engine = open_engine(chosen.store_url)
    migrate(engine)
    accounts = open_accounts(chosen, engine, rounds=CHEAP_ROUNDS)
    for username, name, role in PEOPLE if with_people else ():
        accounts.add_user(SYSTEM, username, name, role, PASSWORD)
    registry = RegistryService(families=find_families(), store=RegisteredModelStore(engine))
    downloads = FakeDownloads(one_of_each(registry))
    configuration = ConfigurationService(
        declarations=find_configs(),
        store=ConfigStore(engine),
        paths=PathRules((folder / "models",)),
    )
    services = Services(
        settings=chosen,
        accounts=accounts,
        registry=registry,
        downloads=cast("Any", downloads),
        cache=cast("Any", None),
        ollama=cast("Any", _Away()),
        configuration=configuration,
        host=cast("Any", None),
        hub=cast("Any", None),
        engines=engines_over(folder, engine, registry, configuration, downloads.is_complete),
    )
    return House(services, accounts, downloads)
