"""The peer of our live pages: plain Streamlit with a fragment of one word, as Streamlit ships."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests

from tests.standins.waiting import wait_until
from tests.test_recovery.server import free_port

SCRIPT = """
import streamlit as st

@st.fragment(run_every=1)
def poll():
    st.markdown("x")

poll()
"""
START_SECONDS = 60.0
ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def empty_page(folder: Path) -> Iterator[tuple[psutil.Process, int]]:
    """Start it with our configuration; gives the process and its port."""
    script, port = folder / "empty.py", free_port()
    script.write_text(SCRIPT, "utf-8")
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"]
    environment = {key: value for key, value in os.environ.items() if "PROXY" not in key.upper()}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until(lambda: _answers(port), timeout_seconds=START_SECONDS, last=lambda: [port])
            yield psutil.Process(process.pid), port
        finally:
            process.kill()


def _answers(port: int) -> bool:
    session = requests.Session()
    session.trust_env = False
    try:
        return session.get(f"http://127.0.0.1:{port}/_stcore/health", timeout=5).ok
    except requests.RequestException:
        return False
