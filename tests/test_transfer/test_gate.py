"""The door of a child process: who may pass, where to, and how fast."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.standins.hub import Hang, Hub, Pattern
from tests.test_transfer.relay import relay
from tests.test_transfer.support import REPO, Control, CountingLimit, wait_until
from yipyap_core.errors import HubUnreachable, RedirectRefused
from yipyap_core.transfer import BandwidthLimit, Proxies, TransferOptions
from yipyap_core.transfer.dialing import Trust
from yipyap_core.transfer.gate import Gate, open_gate
from yipyap_core.transfer.stopping import Stopper

FILE = f"/{REPO}/resolve/main/model.bin"
SIZE_BYTES = 400_000
PUBLIC = "http://93.184.215.14"


@pytest.fixture
def address(hub: Hub) -> str:
    """Of a file at the hub that no other host is asked for."""
    hub.add_repo(REPO, {"model.bin": Pattern(SIZE_BYTES)}, lfs=("*.none",))
    return hub.endpoint + FILE


@contextmanager
def gate_of(
    endpoint: str,
    *,
    stopper: Stopper | None = None,
    limit: BandwidthLimit | None = None,
    **options: Any,
) -> Iterator[Gate]:
    where = TransferOptions(endpoint=endpoint, cache_dir=Path("/nowhere"), **options)
    chosen = limit or BandwidthLimit()
    with open_gate(where, Trust(None), chosen, stopper or Stopper(Control())) as gate:
        yield gate


def get(gate_url: str, address: str) -> httpx2.Response:
    with httpx2.Client(proxy=gate_url, timeout=20) as client:
        return client.get(address)


def speak(gate: Gate, *pieces: bytes) -> bytes:
    """What the gate answers to some bytes, until it hangs up."""
    port = urlsplit(gate.url).port
    with socket.create_connection(("127.0.0.1", port or 0), timeout=10) as sock:
        for piece in pieces:
            sock.sendall(piece)
        answer = b""
        while data := sock.recv(100):
            answer += data
        return answer


def greeting(gate: Gate) -> bytes:
    password = (urlsplit(gate.url).password or "").encode()
    return b"\x05\x01\x02" + b"\x01\x05child" + bytes([len(password)]) + password


def test_bytes_pass_both_ways_and_connections_are_kept(hub: Hub, address: str) -> None:
    with gate_of(hub.endpoint) as gate, httpx2.Client(proxy=gate.url) as client:
        sizes = [len(client.get(address).content) for _ in range(3)]

    assert sizes == [SIZE_BYTES] * 3
    assert hub.accepted_connections == 1


def test_nobody_passes_without_the_password(hub: Hub, address: str) -> None:
    with gate_of(hub.endpoint) as gate:
        open_door = gate.url.replace(urlsplit(gate.url).password or "", "guessed")

        with pytest.raises(httpx2.ProxyError):
            get(open_door, address)

        assert speak(gate, b"\x05\x01\x00") == b"\x05\xff"
    assert hub.requests == ()


@pytest.mark.parametrize("rest", [b"\x05\x02\x00\x01", b"\x04\x01\x00\x01"])
def test_only_connections_are_made(rest: bytes) -> None:
    with gate_of(PUBLIC) as gate:
        assert speak(gate, greeting(gate) + rest)[:6] == b"\x05\x02\x01\x00\x05\x07"


def test_a_kind_of_address_that_is_none_is_not_answered() -> None:
    with gate_of(PUBLIC) as gate:
        assert speak(gate, greeting(gate) + b"\x05\x01\x00\x09") == b"\x05\x02\x01\x00"


def test_a_public_hub_does_not_lead_into_the_private_network(hub: Hub, address: str) -> None:
    with gate_of(PUBLIC) as gate:
        with pytest.raises(httpx2.ProxyError):
            get(gate.url, address)

        assert isinstance(gate.failure, RedirectRefused)
    assert hub.requests == ()


def test_what_does_not_answer_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with gate_of(closed) as gate:
        with pytest.raises(httpx2.ProxyError):
            get(gate.url, closed)

        assert isinstance(gate.failure, HubUnreachable)


@pytest.mark.usefixtures("address")
def test_the_administrators_proxy_is_used(hub: Hub) -> None:
    with relay(hub.endpoint, proxy=True) as proxy:
        proxies = Proxies.from_environ({"HTTP_PROXY": f"http://me:word@127.0.0.1:{proxy.port}"})
        with gate_of("http://hub.example", proxies=proxies) as gate:
            answer = get(gate.url, f"http://hub.example{FILE}")

    assert len(answer.content) == SIZE_BYTES
    assert proxy.asked[0].startswith("CONNECT hub.example:80 HTTP/1.1")
    assert "Proxy-Authorization: Basic bWU6d29yZA==" in proxy.asked[0]


def test_the_limit_holds_for_what_comes_in(hub: Hub, address: str) -> None:
    limit = CountingLimit()

    with gate_of(hub.endpoint, limit=limit) as gate:
        get(gate.url, address)

    assert SIZE_BYTES < limit.taken < SIZE_BYTES + 2000  # and the head of the answer


@pytest.mark.usefixtures("address")
def test_a_stop_ends_what_hangs(hub: Hub) -> None:
    control = Control()
    hub.inject(Hang(), path="model.bin")
    port = urlsplit(hub.endpoint).port or 0
    target = b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big")
    request = f"GET {FILE} HTTP/1.1\r\nHost: hub\r\n\r\n".encode()

    with gate_of(hub.endpoint, stopper=Stopper(control)) as gate:
        gate_port = urlsplit(gate.url).port or 0
        with socket.create_connection(("127.0.0.1", gate_port), timeout=10) as sock:
            sock.sendall(greeting(gate) + target + request)
            wait_until(lambda: bool(hub.requests))
            control.cancel()
            sock.recv(100)

            assert sock.recv(100) == b""
