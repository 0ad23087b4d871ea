"""The contestants: each is a command that brings a repository's files into an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.transfer_hub import COMMIT, Entry

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
SNAPSHOT = """
import sys
from huggingface_hub import snapshot_download
snapshot_download(sys.argv[1], cache_dir=sys.argv[2])
"""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be fetched, from where."""

    endpoint: str
    repo: str
    entries: list[Entry]
    ca_file: Path | None = None

    @property
    def total_bytes(self) -> int:
        """Of all files."""
        return sum(entry.size_bytes for entry in self.entries)

    def url(self, entry: Entry) -> str:
        """Where one file is."""
        return f"{self.endpoint}/{self.repo}/resolve/{COMMIT}/{entry.path}"


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one contestant."""

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str

    @property
    def transfer_seconds(self) -> float | None:
        """From the first request to the last byte's place, where the contestant says it itself.

        A server does not start a process for a download, so throughput is judged by this.
        """
        said = re.findall(r'transfer_seconds"?: ([0-9.]+)', self.output)
        return sum(map(float, said)) if said else None


Tool = Callable[[Task, Path], list[list[str]]]


def ours(task: Task, sink: Path) -> list[list[str]]:
    """Our transfer; hash, layout and sampled progress included."""
    command = [sys.executable, "-m", "bench.transfer_ours", task.endpoint, task.repo, str(sink)]
    return [[*command, *([str(task.ca_file)] if task.ca_file else [])]]


def hf_download(task: Task, sink: Path) -> list[list[str]]:
    """The hub client's command; no content hash."""
    return [[str(BIN / "hf"), "download", task.repo, "--cache-dir", str(sink)]]


def snapshot_download(task: Task, sink: Path) -> list[list[str]]:
    """The hub client's function; no content hash."""
    return [[sys.executable, "-c", SNAPSHOT, task.repo, str(sink)]]


def curl(task: Task, sink: Path) -> list[list[str]]:
    """One curl for all files, one after another; no hash, no layout."""
    config = sink / "curl.txt"
    lines = [f'url = "{task.url(entry)}"\noutput = "{sink / entry.path}"' for entry in task.entries]
    config.write_text("\n".join(lines))
    trust = ["--cacert", str(task.ca_file)] if task.ca_file else []
    say = ("-w", "transfer_seconds: %{time_total}\\n")
    return [["curl", "-sSfL", *say, *trust, "-K", str(config)]]


def curl_and_sha256sum(task: Task, sink: Path) -> list[list[str]]:
    """curl, then sha256sum over what it wrote."""
    files = [str(sink / entry.path) for entry in task.entries]
    return [*curl(task, sink), ["sha256sum", *files]]


def curl_and_sync(task: Task, sink: Path) -> list[list[str]]:
    """curl, then what makes its files survive a loss of power, as ours do; no hash, no layout."""
    return [*curl(task, sink), ["sync", *(str(sink / entry.path) for entry in task.entries)]]


def aria2c(task: Task, sink: Path) -> list[list[str]]:
    """aria2c with eight connections a file and four files at a time; no hash, no layout."""
    listed = sink / "aria2.txt"
    listed.write_text("\n".join(f"{task.url(one)}\n out={one.path}" for one in task.entries))
    trust = [f"--ca-certificate={task.ca_file}"] if task.ca_file else []
    return [
        [
            *("aria2c", "-q", "-x8", "-s8", "-j4", "--file-allocation=none", *trust),
            *("-d", str(sink), "-i", str(listed)),
        ]
    ]


TOOLS: dict[str, Tool] = {
    "ours": ours,
    "hf download": hf_download,
    "snapshot_download": snapshot_download,
    "curl -o": curl,
    "curl + sha256sum": curl_and_sha256sum,
    "curl + sync": curl_and_sync,
    "aria2c -x8": aria2c,
}


def run(tool: Tool, task: Task, sink: Path) -> Result:
    """Run into an empty sink, which is deleted afterwards."""
    sink.mkdir(parents=True)
    environment = {
        **os.environ,
        "HF_ENDPOINT": task.endpoint,
        "HF_HOME": str(sink / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PYTHONPATH": str(ROOT),
        **({"SSL_CERT_FILE": str(task.ca_file)} if task.ca_file else {}),
    }
    try:
        return _timed(tool(task, sink), environment)
    finally:
        shutil.rmtree(sink)


def _timed(commands: list[list[str]], environment: dict[str, str]) -> Result:
    began = time.monotonic()
    cpu = peak = 0.0
    output = ""
    for command in commands:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        output += process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{command[:4]} ended with {process.returncode}: {output[-2000:]}")
        cpu += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss / 1024)
    return Result(time.monotonic() - began, cpu, peak, output)
