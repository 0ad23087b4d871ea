"""Runs one transfer in a process of its own: a server that can be killed, or a second one.

    python -m tests.test_transfer.runner '<JSON>'

The plan comes as JSON, so that nothing but the transfer is at work. Each line of the output is
one event; the last one says how it ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.test_transfer.support import Control, transfer_of
from yipyap_core.domain.downloads import DownloadPlan, RemoteFile
from yipyap_core.domain.jobs import Phase
from yipyap_core.domain.models import RepoRef
from yipyap_core.errors import TransferError
from yipyap_core.transfer import BandwidthLimit

ROOT = Path(__file__).resolve().parents[2]


class Teller(Control):
    """Prints what it is told, a line an event."""

    def phase(self, phase: Phase) -> None:
        tell(phase=phase.value)

    def add_bytes(self, size_bytes: int) -> None:
        super().add_bytes(size_bytes)
        tell(fetched=self.fetched)

    def file_done(self, path: str, size_bytes: int, *, verified: bool) -> None:
        super().file_done(path, size_bytes, verified=verified)
        tell(done=path, verified=verified)

    def note(self, kind: str, message: str) -> None:
        tell(note=kind, message=message)


def tell(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def start(
    endpoint: str, cache_dir: Path, plan: DownloadPlan, *, prefix: tuple[str, ...] = (), **more: Any
) -> subprocess.Popen[str]:
    """Start a process that runs the plan; `prefix` is put before its command."""
    given = {
        "endpoint": endpoint,
        "cache_dir": str(cache_dir),
        "repo_id": plan.repo.repo_id,
        "commit": plan.commit,
        "files": [asdict(file) for file in plan.files],
        **more,
    }
    command = [*prefix, sys.executable, "-m", "tests.test_transfer.runner"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(given))
    process.stdin.close()
    process.stdin = None
    return process


def finish(process: subprocess.Popen[str], timeout_seconds: float = 60.0) -> list[dict[str, Any]]:
    """Wait for the process; its events."""
    output, _ = process.communicate(timeout=timeout_seconds)
    return [json.loads(line) for line in output.splitlines() if line.endswith("}")]


class KillAt:
    """An audit hook that ends this process by SIGKILL before its nth step on the file system."""

    EVENTS = frozenset({"open", "os.rename", "os.symlink", "os.remove", "os.mkdir", "os.truncate"})

    def __init__(self, step: int, folder: str) -> None:
        self._step = step
        self._folder = folder
        self._seen = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in self.EVENTS:
            return
        if event == "os.truncate" or any(self._folder in str(one) for one in arguments[:2]):
            self._seen += 1
            if self._seen == self._step:
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    given = json.load(sys.stdin)
    if "kill_at" in given:
        sys.addaudithook(KillAt(given["kill_at"], given["cache_dir"]))
    files = tuple(RemoteFile(**file) for file in given["files"])
    plan = DownloadPlan(RepoRef(given["repo_id"]), given["commit"], files, files)
    limit = BandwidthLimit(given.get("limit_bps"))
    control = Teller()
    tell(phase="resolving")
    transfer = transfer_of(
        given["endpoint"], Path(given["cache_dir"]), limit=limit, **given.get("options", {})
    )
    try:
        transfer.run(plan, control=control)
    except TransferError as error:
        extra = {"needed": getattr(error, "needed_bytes", None)}
        extra["free"] = getattr(error, "free_bytes", None)
        tell(end=error.code, message=error.message, hint=error.hint, **extra)
    else:
        tell(end="done", fetched=control.fetched, kept=control.kept, lost=control.lost)


if __name__ == "__main__":
    main()
