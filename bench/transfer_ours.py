"""One download by our transfer in a fresh process: listing, bytes, hashes, layout, progress.

    python -m bench.transfer_ours ENDPOINT REPO CACHE_DIR [CA_FILE]

Prints one line of JSON: what was counted, and how much memory the transfer took beyond the
imports.
"""

from __future__ import annotations

import http.client
import json
import resource
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from yipyap_core.domain.connections import HostUse
from yipyap_core.domain.downloads import DownloadPlan, RemoteFile
from yipyap_core.domain.jobs import Phase
from yipyap_core.domain.models import RepoRef
from yipyap_core.transfer import BandwidthLimit, SnapshotTransfer, TransferOptions

SAMPLES_A_SECOND = 10


class Counters:
    """The least control that is one: it counts, and is sampled by another thread."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.done_bytes = 0
        self.done_files = 0
        self.samples: list[int] = []
        self.notes: list[str] = []
        self._ended = threading.Event()

    def sample(self) -> None:
        """Read the counters until `end`."""
        while not self._ended.wait(1 / SAMPLES_A_SECOND):
            self.samples.append(self.done_bytes)

    def end(self) -> None:
        """Stop sampling."""
        self._ended.set()

    def phase(self, phase: Phase) -> None:
        """Not shown here."""

    def add_bytes(self, size_bytes: int) -> None:
        """Count."""
        self.done_bytes += size_bytes

    def add_fleeting_bytes(self, size_bytes: int) -> None:
        """Not looked at."""

    def hashing(self, path: str, left_bytes: int) -> None:
        """Not looked at."""

    def add_kept_bytes(self, size_bytes: int) -> None:
        """Count."""
        self.done_bytes += size_bytes

    def file_started(self, path: str) -> None:
        """Not shown here."""

    def file_done(self, path: str, size_bytes: int, *, verified: bool) -> None:  # noqa: ARG002
        """Every file has to be verified."""
        assert verified
        self.done_files += 1

    def restart_file(self, path: str, lost_bytes: int, reason: str) -> None:
        """Nothing may have to start again here."""
        raise AssertionError(f"{path}: {lost_bytes} bytes lost: {reason}")

    def connections(self, look: Callable[[], tuple[HostUse, ...]]) -> None:
        """Not shown here."""

    def wait(self, seconds: float) -> bool:
        """Sleep."""
        return self._ended.wait(seconds)

    def raise_if_cancelled(self) -> None:
        """Nobody cancels."""

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Nobody cancels."""

    def note(self, kind: str, message: str) -> None:
        """Kept for the report."""
        self.notes.append(f"{kind}: {message}")


def listing(endpoint: str, repo: str, context: ssl.SSLContext | None) -> DownloadPlan:
    """Ask the hub for the commit and its files, page by page."""
    parts = urlsplit(endpoint)
    connection = (
        http.client.HTTPSConnection(parts.netloc, context=context)
        if context
        else http.client.HTTPConnection(parts.netloc)
    )
    connection.request("GET", f"/api/models/{repo}/revision/main")
    commit = json.load(connection.getresponse())["sha"]
    files: list[RemoteFile] = []
    target = f"/api/models/{repo}/tree/{commit}?recursive=true"
    while target:
        connection.request("GET", target)
        answer = connection.getresponse()
        for item in json.load(answer):
            sha256 = item.get("lfs", {}).get("oid")
            files.append(RemoteFile(item["path"], item["size"], item["oid"], sha256))
        link = answer.headers.get("Link") or ""
        url = link.partition("<")[2].partition(">")[0]
        target = f"{urlsplit(url).path}?{urlsplit(url).query}" if url else ""
    connection.close()
    return DownloadPlan(RepoRef(repo), commit, tuple(files), tuple(files))


def main() -> None:
    """Do it and report."""
    endpoint, repo, cache_dir, *rest = sys.argv[1:]
    ca_file = Path(rest[0]) if rest else None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    began = time.monotonic()
    plan = listing(endpoint, repo, context)
    counters = Counters()
    sampler = threading.Thread(target=counters.sample)
    sampler.start()
    options = TransferOptions(endpoint=endpoint, cache_dir=Path(cache_dir), ca_file=ca_file)
    transfer = SnapshotTransfer(options, token=lambda: None, limit=BandwidthLimit())
    try:
        transfer.run(plan, control=counters)
        seconds = time.monotonic() - began
    finally:
        counters.end()
        sampler.join()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    report = {
        "transfer_seconds": round(seconds, 3),
        "bytes": counters.done_bytes,
        "files": counters.done_files,
        "samples": len(counters.samples),
        "memory_kib": grown,
        "notes": counters.notes,
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
