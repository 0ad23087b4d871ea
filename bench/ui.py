"""What one poll of a live page costs the server, in CPU time.

    python -m bench.ui [--polls 100] [--batches 5]

A real server downloads from a slow hub while a websocket client polls the page's fragment, as its
timer does. What the server needs without polls is measured just before each batch and taken off.
The least of the batches is judged: other programs on the machine only ever add to it. An empty
fragment of plain Streamlit is polled in the same run: what it takes is Streamlit's own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from bench.ui_empty import empty_page
from tests.browser import Server, fresh_server
from tests.standins.hub import Pattern
from tests.streamlit_client import StreamlitClient
from yipyap_core.domain.users import Role

GOAL_MILLISECONDS = 6.0
IDLE_SECONDS = 1.0
PAGES = ("downloads", "model-management", "users")
RUNNING = {
    "wdv3-vit": "SmilingWolf/wd-vit-tagger-v3",
    "wdv3-swinv2": "SmilingWolf/wd-swinv2-tagger-v3",
}
LARGE_BYTES = 400_000_000
HUB_BPS = 200_000


@dataclass(frozen=True, slots=True)
class Cost:
    """One batch of polls."""

    milliseconds: float
    bytes_sent: int


@contextmanager
def busy_server(folder: Path) -> Iterator[Server]:
    """A server with two downloads that do not end while we measure."""
    with fresh_server(folder) as server:
        for repo_id in RUNNING.values():
            server.hub.add_repo(
                repo_id,
                {"model.onnx": Pattern(LARGE_BYTES), "selected_tags.csv": b"tag_id\n"},
            )
        server.hub.configure(server_bps=HUB_BPS)
        server.add("alice", Role.ADMIN)
        server.start()
        _start_downloads(server)
        yield server


def _start_downloads(server: Server) -> None:
    session = requests.Session()
    session.trust_env = False
    form = {"username": "alice", "password": "correct horse staple"}
    token = session.post(f"{server.url}/api/token", data=form, timeout=30).json()["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    for model_id in RUNNING:
        session.post(f"{server.url}/api/model-download/{model_id}/start", timeout=30)
    server.hub.wait_for_bytes(1, "model.onnx")


def measure(client: StreamlitClient, process: psutil.Process, page: str, polls: int) -> Cost:
    """Poll one page's fragment and take off what the server needs anyway."""
    fragment = client.load(page).fragment_ids[-1]
    idle_share = _cpu_share(process)
    before, began = _cpu_seconds(process), time.monotonic()
    runs = [client.poll(fragment) for _ in range(polls)]
    spent = _cpu_seconds(process) - before - idle_share * (time.monotonic() - began)
    sent = sum(message.ByteSize() for message in runs[-1].messages)
    return Cost(1000 * spent / polls, sent)


def least_of(
    options: argparse.Namespace, client: StreamlitClient, process: psutil.Process, page: str = ""
) -> Cost:
    """Measure as many batches as asked for; the least of them."""
    costs = [measure(client, process, page, options.polls) for _ in range(options.batches)]
    return min(costs, key=lambda cost: cost.milliseconds)


def report(what: str, cost: Cost, judged_by: str) -> None:
    """Print one line of the result."""
    figures = f"{cost.milliseconds:5.2f} ms CPU a poll ({judged_by}), {cost.bytes_sent:,} bytes"
    print(f"{what:<18} {figures}", flush=True)


def _cpu_share(process: psutil.Process) -> float:
    before, began = _cpu_seconds(process), time.monotonic()
    time.sleep(IDLE_SECONDS)
    return (_cpu_seconds(process) - before) / (time.monotonic() - began)


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> int:
    """Measure every page; the exit status is 1 when one costs more than the goal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--polls", type=int, default=100)
    parser.add_argument("--batches", type=int, default=5)
    options = parser.parse_args()
    print(f"load of the machine: {psutil.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores")
    is_good = True
    with (
        tempfile.TemporaryDirectory(prefix="yipyap-bench-") as folder,
        busy_server(Path(folder)) as server,
    ):
        with empty_page(Path(folder)) as (peer, port), StreamlitClient(port) as client:
            report("an empty fragment", least_of(options, client, peer), "plain Streamlit")
        process = psutil.Process(server.pid)
        for page in PAGES:
            cookie = f"yipyap_session={server.cookie_of('alice')}"
            with StreamlitClient(server.port, cookie=cookie, path=page) as client:
                least = least_of(options, client, process, page)
            is_good &= least.milliseconds <= GOAL_MILLISECONDS
            report(page, least, f"at most {GOAL_MILLISECONDS}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
