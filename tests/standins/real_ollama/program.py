"""The `ollama` program as a process: on loopback, with a home of its own, and one way out."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import httpx
import psutil

from tests.standins.real_ollama.gate import Gate
from tests.standins.waiting import wait_until

START_SECONDS = 60.0
STOP_SECONDS = 20.0


def program() -> str | None:
    """Where the program is, if there is one on the PATH."""
    return shutil.which("ollama")


class OllamaProgram:
    """Runs `ollama serve` on one port, as often as it is started."""

    def __init__(self, path: str, folder: Path, port: int, gate: Gate, certificate: Path) -> None:
        """Keep home, models and log in `folder`; nothing runs yet."""
        self.models = folder / "models"
        self._command = [path, "serve"]
        self._log = folder / "ollama.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "OLLAMA_MODELS": str(self.models),
            "OLLAMA_HOST": f"127.0.0.1:{port}",
            "HTTPS_PROXY": gate.url,
            "HTTP_PROXY": gate.url,
            "SSL_CERT_FILE": str(certificate),
            "SSL_CERT_DIR": str(folder / "no-certificates"),
        }

    def start(self) -> None:
        """Run it, and return when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,  # its runners end with it
            )
        wait_until(self._answers, timeout_seconds=START_SECONDS, last=self.log_lines)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it and whatever it has started; harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        if number is signal.SIGTERM:
            process.terminate()
            process.wait(STOP_SECONDS)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            process.wait(STOP_SECONDS)

    def kill_runners(self) -> None:
        """Kill the processes that it runs models in."""
        assert self._process is not None
        for child in psutil.Process(self._process.pid).children():
            child.kill()

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def log_lines(self) -> list[str]:
        """What it wrote so far."""
        return self._log.read_text(errors="replace").splitlines()

    def _answers(self) -> bool:
        assert self.is_running, "\n".join(self.log_lines()[-5:])
        try:
            return httpx.get(f"{self.url}/api/version", trust_env=False).is_success
        except httpx.TransportError:
            return False
