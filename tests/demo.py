"""The product with stand-ins in place of the hub and Ollama: `make demo`, no network needed.

Everything lives in a temporary folder that goes with the demonstration. The server is the real
one; only what it downloads is small and generated.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.standins.hub import Hub
from tests.standins.ollama import Ollama, OllamaModel
from tests.standins.repositories import seed
from yipyap_core.domain.users import SYSTEM, Role
from yipyap_core.services.accounts.service import open_accounts
from yipyap_core.settings import Settings
from yipyap_core.stores.engine import migrate, open_engine

ROOT = Path(__file__).resolve().parent.parent
HUB_BYTES_PER_SECOND = 6_000_000
"""Slow enough to watch a progress bar, fast enough not to wait for it."""
SCALE = 30.0
HOST_VARIABLES = ("HF_", "HUGGING", "OLLAMA_", "YIPYAP_", "DISABLE_MODEL_")
INSTALLED = (
    OllamaModel("qwen3:8b", 5_200_000_000, family="qwen3", parameter_size="8.2B"),
    OllamaModel("llama3.2:3b", 2_019_393_189, parameter_size="3.2B"),
)
TO_PULL = (
    OllamaModel("llama2:7b", 180_000_000, weight_layers=2),
    OllamaModel("gemma3:4b", 120_000_000, family="gemma3", parameter_size="4.3B"),
)


@contextmanager
def standins(scale: float = SCALE) -> Iterator[tuple[Hub, Ollama]]:
    """Run a seeded hub and a seeded Ollama, slow enough that progress can be seen."""
    with Hub() as hub, Ollama() as ollama:
        seed(hub, scale=scale, runnable=True)
        hub.configure(server_bps=HUB_BYTES_PER_SECOND)
        ollama.publish(*INSTALLED, *TO_PULL)
        ollama.install(*INSTALLED)
        ollama.configure(pull_bps=HUB_BYTES_PER_SECOND)
        yield hub, ollama


def environment(home: Path, hub: Hub, ollama: Ollama) -> dict[str, str]:
    """Name the stand-ins and the temporary stores; nothing of the host's own setting remains."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(HOST_VARIABLES)}
    return {
        **kept,
        "YIPYAP_HOME": str(home / "state"),
        "HF_HOME": str(home / "huggingface"),
        "HF_ENDPOINT": hub.endpoint,
        "OLLAMA_BASE_URL": ollama.base_url,
        "YIPYAP_OLLAMA_REGISTRY_URL": ollama.registry_url,
        "YIPYAP_DEMO": "1",
        "YIPYAP_DISK_RESERVE_BYTES": "0",
        "NO_PROXY": "127.0.0.1",
    }


def make_users(home: Path) -> dict[str, str]:
    """Make an administrator and a user; returns name -> password."""
    settings = Settings(home=home / "state")
    engine = open_engine(settings.store_url)
    migrate(engine)
    accounts = open_accounts(settings, engine)
    passwords = {"admin": secrets.token_urlsafe(9), "user": secrets.token_urlsafe(9)}
    for role, password in passwords.items():
        accounts.add_user(SYSTEM, role, f"Demo {role}", Role(role), password)
    engine.dispose()
    return passwords


def main() -> int:
    """Run until the server ends or Ctrl-C."""
    host, port = os.environ.get("YIPYAP_HOST", "127.0.0.1"), os.environ.get("YIPYAP_PORT", "8501")
    with tempfile.TemporaryDirectory(prefix="yipyap-demo-") as folder, standins() as (hub, ollama):
        home = Path(folder)
        (home / "state").mkdir(mode=0o700)
        passwords = make_users(home)
        lines = [f"  {name:<6} {password}" for name, password in passwords.items()]
        sys.stdout.write("\n".join([f"\nDemonstration at http://{host}:{port}", *lines, ""]))
        sys.stdout.flush()
        command = ["-m", "streamlit", "run", "app.py", f"--server.address={host}"]
        server = subprocess.Popen(
            [sys.executable, *command, f"--server.port={port}"],
            cwd=ROOT,
            env=environment(home, hub, ollama),
        )
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            return server.wait()
        except KeyboardInterrupt:
            server.terminate()
            return server.wait()


if __name__ == "__main__":
    sys.exit(main())
