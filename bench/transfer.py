"""Our transfer against the hub's own client, curl and aria2c, interleaved on one machine.

    python -m bench.transfer [--quick] [--rounds 3] [--only one-file,tls,...]

Every round runs every contestant once, in turning order, into a fresh folder; medians and ratios
are of the rounds. Ours always hashes every byte, writes the whole cache layout and has its
progress sampled ten times a second, and is durable at its end; the others do not hash, and only
"curl + sync" waits for the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.transfer_hub import NginxHub
from bench.transfer_shaped import shaped_task
from bench.transfer_tools import TOOLS, Result, Task, run

MIB = 1 << 20
HEADS = ("median s", "best s", "MiB/s", "files/s", "CPU s", "peak MiB")


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to fetch, who takes part, and what ours has to reach."""

    name: str
    title: str
    count: int
    size_bytes: int
    tools: tuple[str, ...]
    goals: dict[str, float]
    """Ours has to be so many times as fast as these, the start of each process included."""
    throughput: dict[str, float] = field(default_factory=dict)
    """The same, from the first request on."""
    tls: bool = False
    shaped: bool = False

    def quick(self) -> Case:
        """The same with an eighth of the bytes."""
        if self.count > 100:
            return replace(self, count=self.count // 8)
        return replace(self, size_bytes=self.size_bytes // 8)


ALL = ("ours", "hf download", "snapshot_download", "curl -o", "aria2c -x8")
CASES = (
    Case(
        "one-file",
        "one file of 2 GiB",
        1,
        2048 * MIB,
        (*ALL, "curl + sync"),
        {"hf download": 2.2},
        throughput={"curl -o": 0.90},
    ),
    Case(
        "tls",
        "one file of 2 GiB over TLS",
        1,
        2048 * MIB,
        ("ours", "hf download", "curl + sha256sum", "curl -o"),
        {"curl + sha256sum": 1.0, "hf download": 1.8},
        tls=True,
    ),
    Case("eight", "8 files of 256 MiB", 8, 256 * MIB, ALL, {"hf download": 1.8}),
    Case("small", "2,000 files of 50 KiB", 2000, 50 * 1024, ALL, {"hf download": 9.0}),
    Case(
        "tiny",
        "10,000 files of 4 KiB",
        10_000,
        4096,
        ("ours", "snapshot_download"),
        {"snapshot_download": 9.0},
    ),
    Case(
        "distant-small",
        "1,000 files of 50 KiB, 30 ms away",
        1000,
        50 * 1024,
        ("ours", "hf download"),
        {"hf download": 2.0},
        shaped=True,
    ),
    Case(
        "distant",
        "one file of 1 GiB, 30 ms away, 20 MB/s a connection",
        1,
        1024 * MIB,
        ("ours", "hf download"),
        {"hf download": 3.0},
        shaped=True,
    ),
)


def main() -> None:
    """Run the cases and print a table for each."""
    given = _arguments()
    chosen = [case for case in CASES if not given.only or case.name in given.only.split(",")]
    print(f"machine: {platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()}")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=given.folder) as folder:
        for case in chosen:
            _run_case(case.quick() if given.quick else case, given.rounds, Path(folder))


def _arguments() -> argparse.Namespace:
    memory = "/dev/shm"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="an eighth of the bytes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="names of cases: one-file,tls,eight,...")
    parser.add_argument("--tools", default="", help="leave out all but these contestants")
    parser.add_argument("--folder", default=memory if Path(memory).is_dir() else None)
    given = parser.parse_args()
    if given.tools:
        wanted = set(given.tools.split(","))
        for name in set(TOOLS) - wanted:
            del TOOLS[name]
    return given


def _run_case(case: Case, rounds: int, folder: Path) -> None:
    print(f"\n{case.title} ({case.count} x {case.size_bytes:,} bytes)", flush=True)
    if case.shaped:
        with shaped_task(case.count, case.size_bytes) as task:
            _compare(case, task, rounds, folder)
        return
    hub = NginxHub(folder / "hub", tls=case.tls)
    entries = hub.add_repo("bench/model", case.count, case.size_bytes)
    hub.start()
    try:
        _compare(case, Task(hub.endpoint, "bench/model", entries, hub.ca_file), rounds, folder)
    finally:
        hub.stop()
        shutil.rmtree(folder / "hub")


def _compare(case: Case, task: Task, rounds: int, folder: Path) -> None:
    names = [name for name in case.tools if name in TOOLS]
    results: dict[str, list[Result]] = {name: [] for name in names}
    loads = []
    _touch(folder / "touched", task.total_bytes)
    for number in range(rounds):
        turn = number % len(names)
        for name in [*names[turn:], *names[:turn]]:
            results[name].append(run(TOOLS[name], task, folder / "sink"))
        loads.append(os.getloadavg()[0])
    _print_table(case, task, results)
    print(f"  load after each round: {', '.join(f'{load:.1f}' for load in loads)}")
    _print_goals(case, results)


def _touch(path: Path, size_bytes: int) -> None:
    """Use as much memory as a run fills: a virtual machine pays for it the first time only."""
    piece = bytes(4 * MIB)
    with path.open("wb") as file:
        for _ in range(-(-size_bytes // len(piece))):
            file.write(piece)
    path.unlink()


def _print_table(case: Case, task: Task, results: dict[str, list[Result]]) -> None:
    heads = "".join(f"{head:>9}" for head in HEADS)
    print(f"  {'':<20}{heads}")
    for name, runs in results.items():
        median = statistics.median(one.wall_seconds for one in runs)
        best = min(one.wall_seconds for one in runs)
        cpu = statistics.median(one.cpu_seconds for one in runs)
        peak = max(one.peak_mib for one in runs)
        rate, files = task.total_bytes / MIB / median, case.count / median
        row = f"{median:9.2f}{best:9.2f}{rate:9.0f}{files:9.0f}{cpu:9.2f}{peak:9.0f}"
        print(f"  {name:<20}{row}")
    for report in _reports(results.get("ours", [])):
        print(f"  ours: {report}")


def _reports(runs: Sequence[Result]) -> Iterable[str]:
    if runs:
        report = json.loads(runs[-1].output.splitlines()[-1])
        notes = report.pop("notes")
        yield json.dumps(report)
        yield from notes[-3:]


def _print_goals(case: Case, results: dict[str, list[Result]]) -> None:
    whole = {name: [one.wall_seconds for one in runs] for name, runs in results.items()}
    inner = {
        name: [one.transfer_seconds for one in runs if one.transfer_seconds is not None]
        for name, runs in results.items()
    }
    for name, goal in case.goals.items():
        _print_ratio(whole, name, f"{name}, goal {goal:.2f}", goal)
    for name, goal in case.throughput.items():
        _print_ratio(whole, name, f"{name}, the start of each process included")
        _print_ratio(inner, name, f"{name} in throughput, goal {goal:.2f}", goal)


def _print_ratio(
    seconds: dict[str, list[float]], peer: str, words: str, goal: float | None = None
) -> None:
    ours, theirs = seconds.get("ours"), seconds.get(peer)
    if not ours or not theirs:
        return
    ratio = statistics.median(theirs) / statistics.median(ours)
    best = min(theirs) / min(ours)
    judged = "" if goal is None else ": reached" if ratio >= goal else ": MISSED"
    print(f"  {ratio:.2f} x (of the best runs {best:.2f}) {words}{judged}")


if __name__ == "__main__":
    main()
