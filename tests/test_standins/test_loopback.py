"""The server core gives everything back, and the hub's ranges hold for any cut and any span."""

from __future__ import annotations

import gc
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standins.connections import Connection, Request, head
from tests.standins.hub import Dribble, Hang, Hub, Pattern, Stall, Truncate, write_pattern
from tests.standins.loopback import LoopbackServer
from tests.standins.ollama import Ollama, OllamaModel
from tests.test_standins.test_hub_http import blob_url, fetch

SIZE_BYTES = 200_000
WEIGHTS = Pattern(SIZE_BYTES, seed=11)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of the large file."""
    path = tmp_path_factory.mktemp("weights") / "file"
    write_pattern(path, WEIGHTS)
    return path.read_bytes()


@pytest.fixture
def hub(hub: Hub) -> Hub:
    """The shared hub with one large file."""
    hub.add_repo("org/name", {"model.safetensors": WEIGHTS})
    return hub


@given(first=st.integers(0, SIZE_BYTES - 1), length=st.integers(1, SIZE_BYTES))
def test_any_range_gives_its_bytes(hub: Hub, weights: bytes, first: int, length: int) -> None:
    got = fetch(blob_url(hub), Range=f"bytes={first}-{first + length - 1}")
    assert got.body == weights[first : first + length]


@given(cuts=st.lists(st.integers(0, SIZE_BYTES), max_size=6))
def test_any_row_of_cuts_can_be_resumed(hub: Hub, weights: bytes, cuts: list[int]) -> None:
    for cut in cuts:
        hub.inject(Truncate(cut), count=1)
    received = b""
    try:
        while len(received) < SIZE_BYTES:
            try:
                received += fetch(blob_url(hub), Range=f"bytes={len(received)}-").body
            except http.client.IncompleteRead as cut_short:
                received += cut_short.partial
    finally:
        hub.clear_faults()
    assert received == weights


@contextmanager
def nothing_left() -> Iterator[None]:
    """No thread and no descriptor is there after that was not there before."""
    before = _held()
    yield
    gc.collect()
    deadline, tick = time.monotonic() + 10, threading.Event()
    while time.monotonic() < deadline and not _within(_held(), before):
        tick.wait(0.01)
    assert _within(_held(), before)


def _held() -> tuple[set[int | None], int]:
    threads = {thread.ident for thread in threading.enumerate()}
    return threads, len(list(Path("/proc/self/fd").iterdir()))


def _within(after: tuple[set[int | None], int], before: tuple[set[int | None], int]) -> bool:
    return after[0] <= before[0] and after[1] <= before[1]


def test_a_closed_hub_leaves_nothing_though_clients_still_wait(tmp_path: Path) -> None:
    with nothing_left():
        with Hub(folder=tmp_path) as hub:
            hub.add_repo("org/name", {"a.bin": WEIGHTS, "b.bin": WEIGHTS, "c.txt": b"c"})
            hub.inject(Stall(10), path="a.bin")
            hub.inject(Dribble(60), path="b.bin")
            hub.inject(Hang(), path="c.txt")
            clients = [
                _asked(blob_url(hub, "a.bin")),
                _asked(blob_url(hub, "b.bin")),
                _asked(f"{hub.endpoint}/org/name/resolve/main/c.txt"),
            ]
            hub.wait_for_requests(1, "a.bin", port="cdn")
            hub.wait_for_requests(1, "b.bin", port="cdn")
            hub.wait_for_requests(1, "c.txt")
        for client in clients:
            client.close()
    assert list(tmp_path.iterdir()) == []


def test_a_closed_ollama_leaves_nothing_though_a_pull_runs() -> None:
    with nothing_left():
        with Ollama() as ollama:
            ollama.publish(OllamaModel("slow", size_bytes=10**12))
            ollama.configure(pull_bps=1000)
            client = http.client.HTTPConnection(urlsplit(ollama.base_url).netloc)
            client.request("POST", "/api/pull", '{"model": "slow"}')
            assert b"pulling manifest" in client.getresponse().readline()
        client.close()


def _asked(address: str) -> socket.socket:
    parts = urlsplit(address)
    sock = socket.create_connection((parts.hostname or "", parts.port or 0))
    sock.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return sock


def test_requests_in_pieces_and_several_at_once_are_read() -> None:
    server = LoopbackServer(_echo)
    server.start()
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        for piece in (b"POST /one HT", b"TP/1.1\r\nContent-Le", b"ngth: 4\r\n\r\nab", b"cdGET /t"):
            sock.sendall(piece)
        sock.sendall(b"wo?x=1 HTTP/1.1\r\n\r\n")
        received = b""
        while not received.endswith(b"GET /two x=1 "):
            received += sock.recv(4096)
    server.stop()
    assert b"POST /one  abcd" in received


def _echo(request: Request, connection: Connection) -> bool:
    told = f"{request.method} {request.path} {request.raw_query} {request.body.decode()}"
    connection.send(head(200, {"Content-Length": str(len(told))}) + told.encode())
    return True


def test_an_endless_head_ends_the_connection() -> None:
    server = LoopbackServer(_echo)
    server.start()
    sock = socket.create_connection((server.host, server.port), timeout=10)
    with sock, pytest.raises(ConnectionError):
        while True:
            sock.sendall(b"x" * 65536)
    server.stop()
