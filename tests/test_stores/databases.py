"""The databases that a store may lie in: SQLite and PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

KINDS = ("sqlite", "postgresql")
DEBIAN_BINARIES = Path("/usr/lib/postgresql")


def clear(url: str) -> None:
    """Drop everything that an earlier test left."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server of our own on a free port of loopback."""
    with tempfile.TemporaryDirectory() as folder:
        user = "nobody" if os.geteuid() == 0 else None
        if user:
            shutil.chown(folder, user)
        data, port = str(Path(folder) / "data"), free_port()
        run = [
            program("initdb"),
            "-D",
            data,
            "-U",
            "yipyap",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
        ]
        subprocess.run(run, user=user, check=True, stdout=subprocess.DEVNULL, cwd="/")
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-k", folder]
        server = subprocess.Popen(
            [program("postgres"), "-D", data, "-p", str(port), *options],
            user=user,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        try:
            url = f"postgresql+psycopg://yipyap@127.0.0.1:{port}/postgres"
            wait_for(url, server)
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # without waiting for the clients to leave
            server.wait(timeout=30)


def program(name: str) -> str:
    """Find a program of PostgreSQL, which Debian keeps off the PATH."""
    found = shutil.which(name) or next(map(str, DEBIAN_BINARIES.glob(f"*/bin/{name}")), None)
    if found is None:
        raise FileNotFoundError(f"{name} is missing: apt-get install postgresql")
    return found


def free_port() -> int:
    """Ask the system for a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Return as soon as the server answers."""
    engine = sa.create_engine(url)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(sa.exc.OperationalError), engine.connect():
            engine.dispose()
            return
    raise RuntimeError("the PostgreSQL server of the tests did not start")
