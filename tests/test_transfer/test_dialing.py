"""What answers before a connection is one: never for long, and told in words."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standins.accepting import Acceptor
from tests.standins.hub import Hub
from tests.test_transfer.support import REPO, Control, assert_cache_is_right, plan_of, transfer_of
from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.errors import HubUnreachable
from yipyap_core.transfer import Proxies

TLS_RECORD = b"\x16\x03\x03\x3f\xff"
"""Promises more of a handshake than will ever come."""


class Dribbling(Acceptor):
    """Sends a beginning, then a byte now and then, for ever."""

    def __init__(self, beginning: bytes) -> None:
        self._beginning = beginning
        self._ended = threading.Event()
        super().__init__()

    def serve(self, client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(self._beginning)
        while not self._ended.wait(0.05):
            client.sendall(b"x")

    def close(self) -> None:
        self._ended.set()
        super().close()


class Plain(Acceptor):
    """Knows no TLS, and says so in HTTP."""

    def serve(self, client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


class Pouring(Acceptor):
    """Redirects to a hub, and never ends the body of that."""

    def __init__(self, hub: str) -> None:
        self._hub = hub
        super().__init__()

    def serve(self, client: socket.socket) -> None:
        path = client.recv(65536).split()[1].decode()
        head = f"HTTP/1.1 302 Found\r\nLocation: {self._hub}{path}\r\n"
        client.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        while True:
            client.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")


@contextlib.contextmanager
def running(acceptor: Acceptor) -> Iterator[int]:
    try:
        yield acceptor.port
    finally:
        acceptor.close()


@pytest.fixture
def plan(hub: Hub) -> DownloadPlan:
    return plan_of(hub, hub.add_repo(REPO, {"config.json": b"{}"}))


def refusal(endpoint: str, cache_dir: Path, plan: DownloadPlan, proxies: Proxies) -> str:
    """Why no connection was made, told within a second or two."""
    began = time.monotonic()
    transfer = transfer_of(
        endpoint, cache_dir, proxies=proxies, attempts=1, connect_timeout_seconds=0.5
    )
    with pytest.raises(HubUnreachable) as caught:
        transfer.run(plan, control=Control())
    assert time.monotonic() - began < 5
    return caught.value.message


@pytest.mark.timeout(20)
def test_a_handshake_of_single_bytes_ends_in_time(cache_dir: Path, plan: DownloadPlan) -> None:
    with running(Dribbling(TLS_RECORD)) as port:
        message = refusal(f"https://127.0.0.1:{port}", cache_dir, plan, Proxies())

    assert "did not finish the TLS handshake in time" in message


@pytest.mark.timeout(20)
def test_a_tunnel_of_single_bytes_ends_in_time(cache_dir: Path, plan: DownloadPlan) -> None:
    with running(Dribbling(b"HTTP/1.1 200 OK\r\nX: ")) as port:
        proxies = Proxies.from_environ({"https_proxy": f"http://127.0.0.1:{port}"})
        message = refusal("https://hub.example", cache_dir, plan, proxies)

    assert message == f"The proxy 127.0.0.1:{port} does not answer."


def test_a_failed_handshake_is_told_in_words(cache_dir: Path, plan: DownloadPlan) -> None:
    with running(Plain()) as port:
        message = refusal(f"https://127.0.0.1:{port}", cache_dir, plan, Proxies())

    assert "No secure connection" in message
    assert not {"[", "_", "SSL"} & set(message.split("connection to", 1)[1])
    assert ".c:" not in message


@pytest.mark.timeout(20)
def test_a_redirect_whose_body_never_ends_is_followed(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    with running(Pouring(hub.endpoint)) as port:
        transfer_of(f"http://127.0.0.1:{port}", cache_dir).run(plan, control=Control())

    assert_cache_is_right(cache_dir, plan)
