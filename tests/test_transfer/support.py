"""What the transfer's tests share: a recording control, plans from the hub, looks at the disk."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.standins.hub import HubInterface
from yipyap_core.domain.connections import HostUse
from yipyap_core.domain.downloads import DownloadPlan, RemoteFile, RepoSnapshot, make_plan
from yipyap_core.domain.jobs import Phase
from yipyap_core.domain.models import RepoRef
from yipyap_core.transfer import BandwidthLimit, Proxies, SnapshotTransfer, TransferOptions

REPO = "org/model"


class Cancelled(Exception):
    """What this control raises when it is to stop."""


class Control:
    """Satisfies `TransferControl`; keeps everything it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._callbacks: list[Callable[[], None]] = []
        self.fetched = 0
        self.kept = 0
        self.lost = 0
        self.fleeting = 0
        self.unhashed: dict[str, int] = {}
        self.phases: list[Phase] = []
        self.done: dict[str, bool] = {}
        self.restarts: list[tuple[str, int, str]] = []
        self.notes: list[tuple[str, str]] = []
        self.uses: Callable[[], tuple[HostUse, ...]] = tuple
        self.when_bytes: Callable[[int], None] = lambda count: None  # noqa: ARG005
        self.when_noted: Callable[[str], None] = lambda kind: None  # noqa: ARG005

    @property
    def present(self) -> int:
        """What page and API would show."""
        return self.fetched + self.kept - self.lost

    def cancel(self) -> None:
        self._stop.set()
        for callback in self._callbacks:
            callback()

    def phase(self, phase: Phase) -> None:
        self.phases.append(phase)

    def add_bytes(self, size_bytes: int) -> None:
        with self._lock:
            self.fetched += size_bytes
        self.when_bytes(self.fetched)

    def add_fleeting_bytes(self, size_bytes: int) -> None:
        with self._lock:
            self.fleeting += size_bytes

    def add_kept_bytes(self, size_bytes: int) -> None:
        with self._lock:
            self.kept += size_bytes

    def hashing(self, path: str, left_bytes: int) -> None:
        self.unhashed[path] = left_bytes

    def file_started(self, path: str) -> None:
        assert path

    def file_done(self, path: str, size_bytes: int, *, verified: bool) -> None:
        assert path not in self.done
        assert size_bytes >= 0
        self.done[path] = verified

    def restart_file(self, path: str, lost_bytes: int, reason: str) -> None:
        with self._lock:
            self.lost += lost_bytes
            self.restarts.append((path, lost_bytes, reason))

    def wait(self, seconds: float) -> bool:
        return self._stop.wait(seconds)

    def raise_if_cancelled(self) -> None:
        if self._stop.is_set():
            raise Cancelled

    def on_cancel(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)
        if self._stop.is_set():
            callback()

    def note(self, kind: str, message: str) -> None:
        self.notes.append((kind, message))
        self.when_noted(kind)

    def connections(self, look: Callable[[], tuple[HostUse, ...]]) -> None:
        self.uses = look

    def noted(self, kind: str) -> list[str]:
        return [message for one, message in self.notes if one == kind]


class CountingLimit(BandwidthLimit):
    """A limit that nothing here reaches; knows how much was accounted for."""

    def __init__(self) -> None:
        super().__init__(10**9)
        self.taken = 0

    def take(self, most: int, wait: Callable[[float], None]) -> int:
        size_bytes = super().take(most, wait)
        self.taken += size_bytes
        return size_bytes

    def give_back(self, size_bytes: int) -> None:
        self.taken -= size_bytes
        super().give_back(size_bytes)


class Running:
    """A transfer in a thread of its own, with its outcome."""

    def __init__(self, transfer: SnapshotTransfer, plan: DownloadPlan, control: Control) -> None:
        self.control = control
        self._pool = ThreadPoolExecutor(1)
        self._future = self._pool.submit(transfer.run, plan, control=control)

    def outcome(self, timeout_seconds: float = 30.0) -> BaseException | None:
        """Wait for the end; what the run raised."""
        try:
            return self._future.exception(timeout_seconds)
        finally:
            self._pool.shutdown(wait=False)

    def cancel(self) -> float:
        """Cancel and wait; how long the run took to end."""
        began = time.monotonic()
        self.control.cancel()
        assert isinstance(self.outcome(), Cancelled)
        return time.monotonic() - began


def wait_until(condition: Callable[[], bool], timeout_seconds: float = 20.0) -> None:
    tick, deadline = threading.Event(), time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        tick.wait(0.005)


def snapshot_of(hub: HubInterface, repo: RepoRef, commit: str) -> RepoSnapshot:
    """The hub's listing, without the hub client and so without its import."""
    parts = urlsplit(hub.endpoint)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    kind = repo.repo_type.folder_prefix
    target: str | None = f"/api/{kind}/{repo.repo_id}/tree/{commit}?recursive=true"
    files: list[RemoteFile] = []
    while target:
        connection.request("GET", target)
        answer = connection.getresponse()
        files += [_file(entry) for entry in json.load(answer) if entry["type"] == "file"]
        link = answer.headers.get("Link", "")
        target = link.partition("<")[2].partition(">")[0] if 'rel="next"' in link else None
    connection.close()
    return RepoSnapshot(repo, commit, tuple(files))


def _file(entry: dict[str, Any]) -> RemoteFile:
    sha256 = entry.get("lfs", {}).get("oid")
    return RemoteFile(entry["path"], entry["size"], entry["oid"], sha256, entry.get("xetHash"))


def plan_of(
    hub: HubInterface, commit: str, repo_id: str = REPO, allow: Iterable[str] = ()
) -> DownloadPlan:
    return make_plan(snapshot_of(hub, RepoRef(repo_id), commit), tuple(allow), ())


def transfer_of(
    endpoint: str,
    cache_dir: Path,
    *,
    token: str | None = None,
    limit: BandwidthLimit | None = None,
    **options: Any,
) -> SnapshotTransfer:
    """A transfer with the patience of a test."""
    patience: dict[str, Any] = {
        "stall_seconds": 1.2,
        "answer_timeout_seconds": 1.2,
        "connect_timeout_seconds": 2.0,
        "lock_timeout_seconds": 10.0,
        "backoff_seconds": 0.01,
        "proxies": Proxies(),
        **options,
    }
    return SnapshotTransfer(
        TransferOptions(endpoint=endpoint, cache_dir=cache_dir, **patience),
        token=lambda: token,
        limit=limit or BandwidthLimit(),
    )


def blob_of(cache_dir: Path, plan: DownloadPlan, path: str) -> Path:
    file = next(file for file in plan.files if file.path == path)
    return cache_dir / plan.repo.folder_name / "blobs" / file.etag


def assert_cache_is_right(cache_dir: Path, plan: DownloadPlan) -> None:
    """Every file of the plan with the right bytes under its name, and nothing unfinished."""
    folder = cache_dir / plan.repo.folder_name
    for file in plan.files:
        name = folder / "snapshots" / plan.commit / file.path
        assert name.is_symlink()
        assert not Path(name.readlink()).is_absolute()
        data = name.read_bytes()
        assert len(data) == file.size_bytes
        assert digest_of(file, data) == file.etag
    assert (folder / "refs" / plan.repo.revision).read_text() == plan.commit
    assert (cache_dir / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06")
    assert_nothing_unfinished(cache_dir)


def digest_of(file: RemoteFile, data: bytes) -> str:
    if file.sha256:
        return hashlib.sha256(data).hexdigest()
    head = b"blob %d\0" % len(data)
    return hashlib.sha1(head + data, usedforsecurity=False).hexdigest()


def assert_nothing_unfinished(cache_dir: Path) -> None:
    left = [path.name for path in cache_dir.rglob("*") if ".part" in path.name]
    assert left == []
