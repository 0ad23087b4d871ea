"""Our walk of the Hugging Face cache against `scan_cache_dir` and `du`: `python -m bench.cache`.

Builds a cache of sparse files in the hub client's layout (two revisions a repository that share
most of their blobs), walks it in interleaved rounds, and prints the median of each with what it
should be. It lies in /dev/shm where there is one, because making 300,000 names on a disk takes
minutes; `--folder` builds it elsewhere. All walks run with a warm directory cache. The figures of
both walks are compared repository by repository before anything is printed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import scan_cache_dir

from yipyap_core.clients.hub_cache import CacheScan, HubCache

COLD_TARGET = 6.0
UNCHANGED_TARGET = 100.0
OWN_SHARE = 10
"""One file in so many is new in the second revision."""


def build(cache_dir: Path, repositories: int, files: int) -> None:
    """Make the cache; every fifth file lies in a folder of its revision."""
    for number in range(repositories):
        root = cache_dir / f"models--org-{number % 17}--name-{number}"
        (root / "blobs").mkdir(parents=True)
        (root / "refs").mkdir()
        for revision, ref in enumerate(("v1", "main")):
            commit = hashlib.sha1(f"{number} {revision}".encode()).hexdigest()
            (root / "refs" / ref).write_text(commit)
            (root / "snapshots" / commit / "sub").mkdir(parents=True)
            for file in range(files):
                _add_file(root, commit, number, revision, file)


def _add_file(root: Path, commit: str, number: int, revision: int, file: int) -> None:
    edition = revision if file % OWN_SHARE == 0 else 0
    etag = hashlib.sha256(f"{number} {file} {edition}".encode()).hexdigest()
    blob = root / "blobs" / etag
    if not blob.exists():
        with blob.open("wb") as empty:
            empty.truncate(1_000_000 + file)
    snapshot = root / "snapshots" / commit
    if file % 5 == 0:
        (snapshot / "sub" / f"file-{file}.bin").symlink_to(f"../../../blobs/{etag}")
    else:
        (snapshot / f"file-{file}.bin").symlink_to(f"../../blobs/{etag}")


@dataclass
class Timings:
    """Seconds of each way to look, one a round."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def time(self, name: str, call: Callable[[], object]) -> None:
        """Take one more time."""
        started = time.perf_counter()
        call()
        self.seconds.setdefault(name, []).append(time.perf_counter() - started)

    def median(self, name: str) -> float:
        """The middle one, in seconds."""
        return statistics.median(self.seconds[name])


def disagreements(cache_dir: Path, ours: CacheScan) -> list[str]:
    """Folders whose figures differ from those of the hub's client."""
    theirs = {repo.repo_path.name: repo for repo in scan_cache_dir(cache_dir).repos}
    found = sorted(theirs.keys() ^ ours.repos.keys())
    for folder in theirs.keys() & ours.repos.keys():
        expected, repo = theirs[folder], ours.repos[folder].repo
        revisions = {(one.commit, one.size_bytes, one.nb_files) for one in repo.revisions}
        if (repo.size_bytes, repo.nb_files) != (expected.size_on_disk, expected.nb_files) or (
            revisions
            != {(one.commit_hash, one.size_on_disk, one.nb_files) for one in expected.revisions}
        ):
            found.append(folder)
    return found


def settle(cache_dir: Path) -> None:
    """Give every folder an old stamp, as in a cache that nobody has touched for a while."""
    for folder, _, _ in os.walk(cache_dir):
        os.utime(folder, (1_700_000_000, 1_700_000_000))


def measure(cache_dir: Path, rounds: int) -> Timings:
    """Look in every way, in turn, so that a busy moment of the machine strikes all alike."""
    cache, timings = HubCache(cache_dir), Timings()
    known = cache.scan()
    if cache.scan(known).reread:
        raise SystemExit("an unchanged cache was read again")
    for _ in range(rounds):
        timings.time("ours, cold", cache.scan)
        timings.time("scan_cache_dir", lambda: scan_cache_dir(cache_dir))
        timings.time("ours, unchanged", lambda: cache.scan(known))
        timings.time("du -sb", lambda: _du(cache_dir))
    return timings


def _du(cache_dir: Path) -> None:
    subprocess.run(["du", "-sb", str(cache_dir)], check=True, stdout=subprocess.DEVNULL)


def report(timings: Timings, targets: bool) -> bool:
    """Print the medians and the ratios; whether the targets hold."""
    theirs, holds = timings.median("scan_cache_dir"), True
    for name in timings.seconds:
        ratio = theirs / timings.median(name)
        print(f"{name:<18} {timings.median(name) * 1000:>10.1f} ms  {ratio:>7.1f} x")
    for name, target in (("ours, cold", COLD_TARGET), ("ours, unchanged", UNCHANGED_TARGET)):
        ratio = theirs / timings.median(name)
        if targets:
            holds = holds and ratio >= target
            print(f"{'ok  ' if ratio >= target else 'MISS'} {name}: {ratio:.1f} x >= {target:g} x")
    return holds


def _memory() -> Path | None:
    place = Path("/dev/shm")
    return place if place.is_dir() and os.access(place, os.W_OK) else None


def main() -> int:
    """Build, compare, measure; the exit status is 1 when something is off."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.cache")
    parser.add_argument("--repositories", type=int, default=1000)
    parser.add_argument("--files", type=int, default=100, help="in each revision")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="100 x 20 files, no targets")
    parser.add_argument(
        "--folder", type=Path, default=_memory(), help="where to build; in memory if left out"
    )
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.repositories, wanted.files = 100, 20
    with tempfile.TemporaryDirectory(dir=wanted.folder, prefix="bench-cache-") as folder:
        cache_dir = Path(folder) / "hub"
        print(f"{wanted.repositories} repositories x {wanted.files} files, two revisions each;")
        print(f"in {folder}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        build(cache_dir, wanted.repositories, wanted.files)
        settle(cache_dir)
        if different := disagreements(cache_dir, HubCache(cache_dir).scan()):
            print(f"MISS the figures differ: {', '.join(different[:5])}")
            return 1
        return 0 if report(measure(cache_dir, wanted.rounds), not wanted.quick) else 1


if __name__ == "__main__":
    sys.exit(main())
