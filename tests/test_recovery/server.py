"""The product as a process of its own, to be asked over HTTP and killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery 9"
Json = dict[str, Any]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Server:
    """`streamlit run app.py` on a folder; start it again on the same one after its death."""

    def __init__(
        self, folder: Path, hub: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.cache = folder / "hf" / "hub"
        self._folder = folder
        self._environment = {
            **os.environ,
            "YIPYAP_HOME": str(folder / "state"),
            "HF_HOME": str(folder / "hf"),
            "HF_ENDPOINT": hub,
            "YIPYAP_ADMIN_USERNAME": "ada",
            "YIPYAP_ADMIN_PASSWORD": PASSWORD,
            "YIPYAP_DISK_RESERVE_BYTES": "0",
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()
        self._session.trust_env = False
        self.port = 0

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._session.close()

    def start(self) -> Server:
        """Start the process and wait until it answers."""
        self.port = free_port()
        command = [sys.executable, "-m", "streamlit", "run", "app.py"]
        options = {"address": "127.0.0.1", "port": str(self.port), "headless": "true"}
        arguments = [f"--server.{name}={value}" for name, value in options.items()]
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *arguments],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.until(self._is_up, "the server answers", 90)
        self._session.headers["Authorization"] = f"Bearer {self._token()}"
        return self

    def kill(self) -> None:
        """End the process as kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)

    def terminate(self, timeout_seconds: float = 20.0) -> float:
        """End the process as a service manager does; says how long that took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout_seconds)
        return time.monotonic() - began

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """Ask the API; an answer that is an error fails the test."""
        address = f"http://127.0.0.1:{self.port}/api{path}"
        answer = self._session.request(method, address, json=body, timeout=20)
        assert answer.ok, answer.text
        found: Json = answer.json()
        return found

    def register(self, model_id: str, repo_id: str) -> None:
        self.call("POST", "/model-registry", {"id": model_id, "repo_id": repo_id})

    def download(self, model_id: str) -> Json:
        return self.call("POST", f"/model-download/{model_id}/start")

    def status(self, model_id: str) -> Json:
        return self.call("GET", f"/model-download-status/{model_id}")

    def wait(
        self, model_id: str, predicate: Callable[[Json], bool], timeout_seconds: float = 80.0
    ) -> Json:
        """Ask for the status until it is as wanted."""
        latest: list[Json] = []

        def arrived() -> bool:
            latest[:] = [self.status(model_id)]
            return predicate(latest[0])

        try:
            self.until(arrived, "the status", timeout_seconds)
        except AssertionError:
            raise AssertionError(f"not in time: {latest}") from None
        return latest[0]

    def completed(self, model_id: str, timeout_seconds: float = 80.0) -> Json:
        ended = self.wait(
            model_id, lambda one: one["status"] in {"completed", "failed"}, timeout_seconds
        )
        assert ended["status"] == "completed", ended
        return ended

    def until(self, holds: Callable[[], bool], what: str, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        pause = threading.Event()
        while not holds():
            assert time.monotonic() < deadline, f"{what}: not in time\n{self.log()[-3000:]}"
            pause.wait(0.05)

    def log(self) -> str:
        return (self._folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()[-3000:]
        try:
            address = f"http://127.0.0.1:{self.port}/api/health"
            return bool(self._session.get(address, timeout=5).ok)
        except (requests.ConnectionError, requests.Timeout):
            return False

    def _token(self) -> str:
        answer = self._session.post(
            f"http://127.0.0.1:{self.port}/api/token",
            data={"username": "ada", "password": PASSWORD},
            timeout=20,
        )
        assert answer.ok, answer.text
        token: str = answer.json()["access_token"]
        return token
