"""The API on a real socket, for what a client without one cannot show: streams and HEAD."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from tests.standins.waiting import wait_until


@contextmanager
def served(api: FastAPI) -> Iterator[str]:
    """Serve on a free port of loopback; gives the address."""
    server = uvicorn.Server(uvicorn.Config(api, log_level="error", lifespan="off"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.started, timeout_seconds=30, last=list)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
