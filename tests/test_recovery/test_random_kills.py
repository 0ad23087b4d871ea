"""kill -9 in each phase and at random moments: nothing is lost, nothing is left over."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from tests.standins.hub import Pattern, RemoteHub, Source
from tests.test_recovery.server import ROOT

MB = 1_000_000
FILES: dict[str, Source] = {
    "model-1.safetensors": Pattern(40 * MB, seed=1),
    "model-2.safetensors": Pattern(12 * MB, seed=2),
    **{f"small/{number}.json": Pattern(20_000 + number, seed=number) for number in range(20)},
}
SIZE = 52 * MB + sum(20_000 + number for number in range(20))
TWICE = 4 * MB
"""What one kill may cost a file."""


class Victim:
    """The downloader as a process."""

    def __init__(self, folder: Path, hub: RemoteHub, stop: str = "") -> None:
        command = [sys.executable, "-m", "tests.test_recovery.downloader"]
        self.process = subprocess.Popen(
            [*command, str(folder), hub.endpoint, "org/m", stop],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.lines = self.process.stdout

    def kill_after(self, seconds: float) -> str:
        """Kill so long after it began to work; returns its last word."""
        assert self.lines.readline() == "ready\n"
        timer = threading.Timer(seconds, self.process.kill)
        timer.start()
        last = self.end()
        timer.cancel()
        return last

    def end(self) -> str:
        """Wait for its end, which comes by kill -9 where it was told to stop."""
        words = []
        for line in self.lines:
            words.append(line.strip())
            if words[-1] == "stopped":
                self.process.kill()
        self.process.wait()
        self.lines.close()
        return words[-1] if words else ""


def check_cache(cache: Path, commit: str) -> None:
    """Every file whole and right, every name in place, and nothing else."""
    folder = snapshot_download("org/m", cache_dir=cache, local_files_only=True)
    assert Path(folder).name == commit
    names = {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}
    assert names == set(FILES)
    blobs = {Path(folder, name).resolve() for name in names}
    for blob in blobs:
        content = blob.read_bytes()
        git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        assert blob.name in {hashlib.sha256(content).hexdigest(), git.hexdigest()}
    repo = cache / "models--org--m"
    assert set((repo / "blobs").iterdir()) == blobs
    assert [path.name for path in (repo / "trees").iterdir()] == [f"{commit}.json"]
    assert [path.name for path in (repo / "refs").iterdir()] == ["main"]


@pytest.fixture
def commit(remote_hub: RemoteHub) -> str:
    remote_hub.configure(server_bps=25 * MB, latency_seconds=0.05)
    return remote_hub.add_repo("org/m", FILES)


def fetched(hub: RemoteHub) -> int:
    return sum(one.bytes_sent for one in hub.requests if one.file)


@pytest.mark.parametrize("seed", range(2))
def test_kills_at_random_moments_cost_little_and_leave_nothing(
    tmp_path: Path, remote_hub: RemoteHub, commit: str, seed: int
) -> None:
    rng = random.Random(seed)
    kills = 0
    for _ in range(6):
        if Victim(tmp_path, remote_hub).kill_after(rng.uniform(0.0, 1.2)) == "completed":
            break
        kills += 1
    else:
        assert Victim(tmp_path, remote_hub).end() == "completed"
    check_cache(tmp_path / "hub", commit)
    assert kills > 0
    assert fetched(remote_hub) <= SIZE + kills * 2 * TWICE  # two large files at a time


STOPS = [
    *("resolving", "checking_space", "transferring", "verifying", "committing"),
    "os.rename:1",  # the listing of the commit
    "os.rename:2",  # a small file is about to become a blob
    "os.symlink:1",  # it is one, and about to get its name
    "os.rename:22",  # a large file is about to become a blob
    "os.symlink:22",  # and to get its name
    "os.rename:24",  # all have their names, the ref is next
]


@pytest.mark.parametrize("stop", STOPS)
def test_a_kill_in_each_phase_and_between_all_steps_is_recovered_from(
    tmp_path: Path, remote_hub: RemoteHub, commit: str, stop: str
) -> None:
    remote_hub.configure(server_bps=None, latency_seconds=0)
    assert Victim(tmp_path, remote_hub, stop).end() == "stopped"
    assert Victim(tmp_path, remote_hub).end() == "completed"
    check_cache(tmp_path / "hub", commit)
