"""Start, memory and speed of the API, measured on the real server: `python -m bench.api`.

Starts `streamlit run app.py` on a free port of loopback over an empty state folder, registers
models up to 100, and prints one line a figure with its target. The load comes from a process of
its own; on a machine with few cores it takes its share from the server, so the figures are a
lower bound.
"""

from __future__ import annotations

import asyncio
import compileall
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
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "seventeen planks of oak"
MODELS = 100
WARM_UP_SECONDS = 12.0
ONE_CLIENT_SECONDS = 5.0
MANY_CLIENTS_SECONDS = 10.0
HEAVY = ("libtorch", "libcudart", "onnxruntime", "tokenizers.abi3", "libcudnn")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement and what it should be."""

    name: str
    value: float
    unit: str
    target: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the target is met."""
        return self.value >= self.target if self.at_least else self.value <= self.target

    def __str__(self) -> str:
        """One line of the report."""
        sign = ">=" if self.at_least else "<="
        mark = "ok  " if self.holds else "MISS"
        return f"{mark} {self.name:<44} {self.value:>9.1f} {self.unit:<5} {sign} {self.target:g}"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and how long it took to answer."""

    port: int
    pid: int
    start_seconds: float


@contextlib.contextmanager
def server(home: Path) -> Iterator[Server]:
    """Start the product as a person does; stop it afterwards."""
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    environment |= {
        "YIPYAP_HOME": str(home / "state"),
        "HF_HOME": str(home / "hf"),
        "YIPYAP_ADMIN_USERNAME": "bench",
        "YIPYAP_ADMIN_PASSWORD": PASSWORD,
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    log = (home / "server.log").open("wb")
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        if not _wait_for_health(port, process):
            raise RuntimeError(f"no server:\n{(home / 'server.log').read_text()[-2000:]}")
        yield Server(port, process.pid, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(timeout=30)


def main() -> int:
    """Measure and print; the exit status is 1 when a target is missed."""
    for folder in ("yipyap_core", "pages"):
        compileall.compile_dir(ROOT / folder, quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        with server(Path(folder)):
            pass  # the first start makes the store
        with server(Path(folder)) as running:
            figures = measure(running)
    print("\n".join(map(str, figures)))
    loads = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"{os.cpu_count()} cores; load averages at the end: {loads}")
    return 0 if all(figure.holds for figure in figures) else 1


def measure(running: Server) -> list[Figure]:
    """Everything that can be seen of a running server."""
    time.sleep(WARM_UP_SECONDS)  # it imports for the first visitor in the background
    idle = _resident_mebibytes(running.pid)
    token = _sign_in(running.port)
    _fill_registry(running.port, token)
    request = _request(running.port, token)
    asyncio.run(load(running.port, request, clients=1, seconds=1.0))
    alone = asyncio.run(load(running.port, request, clients=1, seconds=ONE_CLIENT_SECONDS))
    before = _cpu_seconds(running.pid)
    crowd = asyncio.run(load(running.port, request, clients=16, seconds=MANY_CLIENTS_SECONDS))
    cost = (_cpu_seconds(running.pid) - before) / len(crowd) * 1000
    return [
        Figure("start to /api/health", running.start_seconds, "s", 4.0),
        Figure("idle memory", idle, "MiB", 300.0),
        Figure("libraries of engines in the process", len(_heavy(running.pid)), "", 0),
        Figure("registry, one client", len(alone) / ONE_CLIENT_SECONDS, "1/s", 400.0, True),
        Figure("registry, one client, p99", _p99(alone), "ms", 60.0),
        Figure("registry, 16 clients", len(crowd) / MANY_CLIENTS_SECONDS, "1/s", 400.0, True),
        Figure("registry, 16 clients, p99", _p99(crowd), "ms", 60.0),
        Figure("registry, processor time of an answer", cost, "ms", 2.0),
        Figure("memory after the load", _resident_mebibytes(running.pid), "MiB", 330.0),
    ]


async def load(port: int, request: bytes, *, clients: int, seconds: float) -> list[float]:
    """Ask over keep-alive connections for a while; gives the milliseconds of each answer."""
    until = time.perf_counter() + seconds
    parts = await asyncio.gather(*[_ask(port, request, until) for _ in range(clients)])
    return [latency for part in parts for latency in part]


async def _ask(port: int, request: bytes, until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    latencies = []
    while (began := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode(errors="replace"))
        await reader.readexactly(_content_length(head))
        latencies.append((time.perf_counter() - began) * 1000)
    writer.close()
    return latencies


def _content_length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))


def _request(port: int, token: str) -> bytes:
    return (
        f"GET /api/model-registry HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


def _p99(latencies: list[float]) -> float:
    return statistics.quantiles(latencies, n=100)[98]


def _fill_registry(port: int, token: str) -> None:
    present = _call(port, "GET", "/api/model-registry", token)["total"]
    for number in range(MODELS - present):
        body = {"id": f"bench-{number}", "repo_id": f"bench/model-{number}"}
        _call(port, "POST", "/api/model-registry", token, body)
    total = _call(port, "GET", "/api/model-registry", token)["total"]
    if total != MODELS:
        raise RuntimeError(f"the registry has {total} models")


def _sign_in(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = urllib.parse.urlencode({"username": "bench", "password": PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/api/token", body, headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return str(answer["access_token"])


def _call(port: int, method: str, path: str, token: str, body: object = None) -> dict[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def _wait_for_health(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/api/health")
            if connection.getresponse().status == 200:
                return True
        time.sleep(0.02)
    return False


def _resident_mebibytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def _cpu_seconds(pid: int) -> float:
    """What the process has used of processors, whoever else was busy meanwhile."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _heavy(pid: int) -> set[str]:
    """Libraries of the engines that the process has mapped."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    return {name for name in HEAVY if name in maps}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
