"""Joins a job's meter and token to what a transfer reports, and remembers what was verified."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from yipyap_core.domain.connections import HostUse
from yipyap_core.domain.downloads import DownloadPlan, RemoteFile
from yipyap_core.domain.jobs import Phase
from yipyap_core.domain.verified import BlobStamp
from yipyap_core.jobs.work import JobContext
from yipyap_core.services.downloads.presence import stamp_of
from yipyap_core.stores.verified import VerifiedStore
from yipyap_core.transfer.layout import Layout

FLUSH_SECONDS = 1.0


class JobControl:
    """What a transfer sees of its job; satisfies `TransferControl`."""

    def __init__(self, context: JobContext, record: VerifiedRecord) -> None:
        """Report to the context's meter, stop by its token."""
        self._context = context
        self._meter = context.meter
        self._token = context.token
        self._record = record
        self._whole: set[str] = set()

    def phase(self, phase: Phase) -> None:
        """Enter a phase."""
        self._meter.set_phase(phase)

    def add_bytes(self, size_bytes: int) -> None:
        """Count bytes from the network."""
        self._meter.add_bytes(size_bytes)

    def add_kept_bytes(self, size_bytes: int) -> None:
        """Count bytes that needed no network."""
        self._meter.add_kept_bytes(size_bytes)

    def add_fleeting_bytes(self, size_bytes: int) -> None:
        """Count bytes that a stop would lose."""
        self._meter.add_fleeting_bytes(size_bytes)

    def file_started(self, path: str) -> None:
        """Show the file."""
        self._meter.file_started(path)

    def hashing(self, path: str, left_bytes: int) -> None:
        """Show how far the hash is."""
        self._meter.hashing(path, left_bytes)

    def file_done(self, path: str, size_bytes: int, *, verified: bool) -> None:
        """Count the file, a content of two names once, and remember what was hashed."""
        etag = self._record.etag_of(path)
        self._meter.file_done(path, 0 if etag in self._whole else size_bytes)
        self._whole.add(etag)
        if verified:
            self._record.add(path)

    def restart_file(self, path: str, lost_bytes: int, reason: str) -> None:
        """Take bytes back and say why."""
        self._meter.restart_file(path, lost_bytes, reason)

    def wait(self, seconds: float) -> bool:
        """Sleep until the token is cancelled."""
        return self._token.wait(seconds)

    def raise_if_cancelled(self) -> None:
        """Raise `JobStopped` when the job is to stop."""
        self._token.raise_if_cancelled()

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back on cancellation."""
        return self._token.on_cancel(callback)

    def connections(self, look: Callable[[], tuple[HostUse, ...]]) -> None:
        """Let the meter read what the run uses."""
        self._meter.uses(look)

    def note(self, kind: str, message: str) -> None:
        """Add a line to the timeline."""
        self._meter.note(kind, message)


class VerifiedRecord:
    """Collects the blobs that a run verified and stores them in batches, at most once a second."""

    def __init__(
        self, context: JobContext, store: VerifiedStore, plan: DownloadPlan, cache_dir: Path
    ) -> None:
        """Begin with what the store knows of the plan's repository."""
        self._clock = context.clock
        self._store = store
        self._folder = plan.repo.folder_name
        self._layout = Layout(cache_dir, plan.repo, plan.commit)
        self._files = {file.path: file for file in plan.files}
        self._known = set(store.of_folder(self._folder))
        self._waiting: list[BlobStamp] = []
        self._flushed_at = self._clock.monotonic()
        self._lock = threading.Lock()

    def add(self, path: str) -> None:
        """Note that the file of this name has just been hashed and was right."""
        stamp = self._stamp(self._files[path])
        if stamp is None:
            return
        with self._lock:
            self._waiting.append(stamp)
            self._known.add(stamp)
            is_due = self._clock.monotonic() - self._flushed_at >= FLUSH_SECONDS
        if is_due:
            self.flush()

    def etag_of(self, path: str) -> str:
        """The content that a name of the plan leads to."""
        return self._files[path].etag

    def is_known(self, file: RemoteFile) -> bool:
        """Whether the content looks as it did when its hash was right."""
        return self._stamp(file) in self._known

    def forget(self, file: RemoteFile) -> None:
        """Drop what is known of a content that was found damaged."""
        with self._lock:
            self._known = {stamp for stamp in self._known if stamp.etag != file.etag}
        self._store.forget(self._folder, file.etag)

    def flush(self) -> None:
        """Store what waits."""
        with self._lock:
            waiting, self._waiting = list(dict.fromkeys(self._waiting)), []
            self._flushed_at = self._clock.monotonic()
        if waiting:
            self._store.remember(waiting, self._clock.now())

    def _stamp(self, file: RemoteFile) -> BlobStamp | None:
        return stamp_of(self._layout.pointer(file), self._folder, file.etag)
