"""What a download costs the running product: memory, processor time, and how it answers meanwhile.

    python -m bench.transfer_server [--quick]

Starts the real server over an empty state folder against a hub made of nginx, registers a
repository with one large file and one with many small ones, downloads them through the API, and
asks for `/api/health` all the while. The processor time is compared with that of curl and
sha256sum for the same files.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.transfer_hub import NginxHub
from bench.transfer_tools import ROOT, TOOLS, Task, run

MIB = 1 << 20
PASSWORD = "seventeen planks of oak"
WARM_UP_SECONDS = 15.0
ASK_SECONDS = 0.02
QUIET_SECONDS = 5.0
MOST_SECONDS = 600.0


@dataclass(slots=True)
class Seen:
    """What was measured while the download ran."""

    latencies: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)


class Api:
    """A signed-in caller."""

    def __init__(self, port: int) -> None:
        """Sign in as the administrator."""
        self._port = port
        self._headers: dict[str, str] = {}
        form = urllib.parse.urlencode({"username": "bench", "password": PASSWORD})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        token = self._send("POST", "/api/token", form, kind)["access_token"]
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def get(self, path: str) -> Any:
        """Read a document."""
        return self._send("GET", path, None, {})

    def post(self, path: str, document: Any = None) -> Any:
        """Send a document."""
        return self._send("POST", path, json.dumps(document) if document else None, {})

    def _send(self, method: str, path: str, body: str | None, more: dict[str, str]) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        connection.request(method, path, body, {**self._headers, **more})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]!r}")
        return json.loads(text)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="an eighth of the bytes and files")
    share = 8 if parser.parse_args().quick else 1
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        hub = NginxHub(Path(folder) / "hub")
        sizes = {"bench/large": (1, 2048 * MIB // share), "bench/small": (2000 // share, 50 * 1024)}
        entries = {repo: hub.add_repo(repo, *size) for repo, size in sizes.items()}
        hub.start()
        try:
            tasks = [Task(hub.endpoint, repo, found) for repo, found in entries.items()]
            _measure(tasks, Path(folder))
        finally:
            hub.stop()


def _measure(tasks: list[Task], folder: Path) -> None:
    with _server(folder / "home", tasks[0].endpoint) as (port, process):
        time.sleep(WARM_UP_SECONDS)  # it imports for the first visitor in the background
        api = Api(port)
        quiet = _ask_for(port, api, process, "")
        idle = process.memory_info().rss / MIB
        print(f"idle: {idle:.0f} MiB, p99 of /api/health {_p99(quiet.latencies) * 1000:.1f} ms")
        for task in tasks:
            _download(task, api, (port, process), idle, folder / "sink")


def _download(
    task: Task, api: Api, server: tuple[int, psutil.Process], idle: float, sink: Path
) -> None:
    port, process = server
    reference = run(TOOLS["curl + sha256sum"], task, sink).cpu_seconds
    model = task.repo.replace("/", "-")
    api.post("/api/model-registry", {"id": model, "repo_id": task.repo})
    began, before = time.monotonic(), _cpu_seconds(process)
    api.post(f"/api/model-download/{model}/start")
    busy = _ask_for(port, api, process, model)
    wall, cpu = time.monotonic() - began, _cpu_seconds(process) - before
    ended = f"{busy.status['status']}, verified {busy.status['verified']}"
    load = f"load {os.getloadavg()[0]:.1f}"
    print(f"\n{len(task.entries)} files, {task.total_bytes:,} bytes: {wall:.1f} s, {ended}; {load}")
    _say("memory above idle", max(busy.resident) - idle, "MiB", 60.0)
    if len(task.entries) == 1:  # of many small files the program starts are most of it
        _say("processor time against curl + sha256sum", cpu / reference, "times", 1.2)
    _say("p99 of /api/health meanwhile", _p99(busy.latencies) * 1000, "ms", 50.0)


def _ask_for(port: int, api: Api, process: psutil.Process, model: str) -> Seen:
    """Ask for the health until the model's download has ended; for a while without a model."""
    seen = Seen()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    began = time.monotonic()
    while time.monotonic() - began < (MOST_SECONDS if model else QUIET_SECONDS):
        asked = time.perf_counter()
        connection.request("GET", "/api/health")
        connection.getresponse().read()
        seen.latencies.append(time.perf_counter() - asked)
        seen.resident.append(process.memory_info().rss / MIB)
        if model and len(seen.latencies) % 25 == 0:
            seen.status = api.get(f"/api/model-download-status/{model}")
            if seen.status["status"] in {"completed", "failed"}:
                break
        time.sleep(ASK_SECONDS)
    connection.close()
    return seen


@contextlib.contextmanager
def _server(home: Path, endpoint: str) -> Iterator[tuple[int, psutil.Process]]:
    home.mkdir()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = int(sock.getsockname()[1])
    environment = {
        **os.environ,
        "YIPYAP_HOME": str(home / "state"),
        "HF_HOME": str(home / "hf"),
        "YIPYAP_ADMIN_USERNAME": "bench",
        "YIPYAP_ENGINE_CANARY": "0",
        "YIPYAP_ADMIN_PASSWORD": PASSWORD,
        "HF_ENDPOINT": endpoint,
    }
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--server.address", "127.0.0.1"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for_health(port, process)
            yield port, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_for_health(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/api/health")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("the server did not start")


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _p99(latencies: list[float]) -> float:
    return statistics.quantiles(latencies, n=100)[98]


def _say(name: str, value: float, unit: str, most: float) -> None:
    print(f"{'ok  ' if value <= most else 'MISS'} {name:<44} {value:8.1f} {unit:<5} <= {most:g}")


if __name__ == "__main__":
    main()
