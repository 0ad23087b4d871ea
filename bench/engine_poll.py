"""How long a page's poll takes on the real dashboard while two engines run flat out.

The real server, two taggers of real size that arrive by real downloads, four clients that send
pictures without a pause, and one session that polls a live page as its timer does.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests

from bench.engine_graph import write_tagger
from tests.browser import PASSWORD, Server, fresh_server, wait_until
from tests.streamlit_client import StreamlitClient
from yipyap_core.domain.users import Role

MODELS = {
    "wdv3-vit": "SmilingWolf/wd-vit-tagger-v3",
    "wdv3-swinv2": "SmilingWolf/wd-swinv2-tagger-v3",
}
PAGE = "model-management"
POLLS = 150
REST_SECONDS = 0.05
CLIENTS = 2
"""For each engine: one picture is decoded while the other is scored."""


@dataclass(frozen=True)
class Polls:
    """The 95th of 100 polls in seconds, without and with running engines."""

    quiet: float
    busy: float
    pictures_a_second: float


def measure(folder: Path, picture: bytes) -> Polls:
    """Start everything, measure both, end everything."""
    checkpoint = write_tagger(folder / "checkpoint")
    with fresh_server(folder) as server:
        for repo_id in MODELS.values():
            names = ("model.onnx", "selected_tags.csv")
            server.hub.add_repo(repo_id, {name: (checkpoint / name).read_bytes() for name in names})
        server.add("alice", Role.ADMIN)
        server.start()
        session = _session(server)
        for model_id in MODELS:
            _bring(session, server, model_id)
        cookie = f"yipyap_session={server.cookie_of('alice')}"
        with StreamlitClient(server.port, cookie=cookie, path=PAGE) as client:
            fragment = client.load(PAGE).fragment_ids[-1]
            quiet = p95(_polls(client, fragment))
            stop, done = threading.Event(), list[float]()
            with ThreadPoolExecutor(CLIENTS * len(MODELS)) as threads:
                for model_id in [*MODELS] * CLIENTS:
                    threads.submit(_send, session, server, model_id, picture, stop, done)
                wait_until(lambda: len(done) >= len(MODELS), "both engines answer", 60)
                before, began = len(done), time.perf_counter()
                fragment = client.load(PAGE).fragment_ids[-1]
                busy = p95(_polls(client, fragment))
                speed = (len(done) - before) / (time.perf_counter() - began)
                stop.set()
        return Polls(quiet, busy, speed)


def p95(values: list[float]) -> float:
    """The value that 95 of 100 stay under."""
    return sorted(values)[int(len(values) * 0.95)]


def _session(server: Server) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    form = {"username": "alice", "password": PASSWORD}
    answer = session.post(f"{server.url}/api/token", data=form, timeout=30)
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return session


def _bring(session: requests.Session, server: Server, model_id: str) -> None:
    """Download and load."""
    session.post(f"{server.url}/api/model-download/{model_id}/start", timeout=60)

    def is_complete() -> bool:
        answer = session.get(f"{server.url}/api/model-download-status/{model_id}", timeout=30)
        return bool(answer.json()["status"] == "completed")

    wait_until(is_complete, f"{model_id} is downloaded", 300)
    answer = session.post(f"{server.url}/api/engines/{model_id}/load", timeout=300)
    assert answer.json()["state"] == "ready", answer.text


def _polls(client: StreamlitClient, fragment: str) -> list[float]:
    spent, rest = [], threading.Event()
    for _ in range(POLLS):
        began = time.perf_counter()
        client.poll(fragment)
        spent.append(time.perf_counter() - began)
        rest.wait(REST_SECONDS)
    return spent


def _send(
    session: requests.Session,
    server: Server,
    model_id: str,
    picture: bytes,
    stop: threading.Event,
    done: list[float],
) -> None:
    while not stop.is_set():
        answer = requests.post(
            f"{server.url}/api/caption/{model_id}",
            headers=dict(session.headers),
            files={"image": ("a.jpg", picture, "image/jpeg")},
            timeout=300,
        )
        assert answer.ok, answer.text
        done.append(time.perf_counter())
