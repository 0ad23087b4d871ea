"""The hub's answers as a plain HTTP client sees them: ranges, conditions, signatures, the log."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.standins.hub import Hub, Pattern, Source, Sparse, write_pattern
from tests.standins.hub.interface import HubInterface

WEIGHTS = Pattern(300_000, seed=3)
REPO: dict[str, Source] = {"model.safetensors": WEIGHTS, "notes.txt": b"0123456789"}


@dataclass(frozen=True, slots=True)
class Got:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(url: str, method: str = "GET", **headers: str) -> Got:
    """One request on a connection of its own; underscores in header names are hyphens."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, f"{parts.path}?{parts.query}", headers=named)
        answer = connection.getresponse()
        return Got(answer.status, dict(answer.headers.items()), answer.read())
    finally:
        connection.close()


def blob_url(hub: HubInterface, path: str = "model.safetensors") -> str:
    """The signed address of a large file of the test's repository."""
    return fetch(f"{hub.endpoint}/org/name/resolve/main/{path}").headers["Location"]


@pytest.fixture
def weights(tmp_path: Path) -> bytes:
    """The bytes of the large file."""
    write_pattern(tmp_path / "weights", WEIGHTS)
    return (tmp_path / "weights").read_bytes()


@pytest.fixture(autouse=True)
def _repository(hub: Hub) -> None:
    hub.add_repo("org/name", REPO)


def test_large_files_redirect_to_another_origin(hub: Hub) -> None:
    for method in ("HEAD", "GET"):
        got = fetch(f"{hub.endpoint}/org/name/resolve/main/model.safetensors", method)
        assert got.status == 302
        assert got.headers["Location"].startswith(hub.cdn_url)
        assert got.headers["X-Linked-Size"] == "300000"
        assert len(got.headers["X-Linked-Etag"].strip('"')) == 64
        assert len(got.headers["X-Repo-Commit"]) == 40


def test_small_files_are_answered_directly(hub: Hub) -> None:
    head, got = (
        fetch(f"{hub.endpoint}/org/name/resolve/main/notes.txt", method)
        for method in ("HEAD", "GET")
    )
    assert got.body == b"0123456789"
    assert head.body == b""
    assert head.headers == got.headers
    assert len(got.headers["ETag"].strip('"')) == 40


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100000-", 100_000, 299_999),
        ("bytes=65530-131080", 65_530, 131_080),
        ("bytes=-7", 299_993, 299_999),
        ("bytes=299999-999999", 299_999, 299_999),
    ],
)
def test_ranges_give_exactly_their_bytes(
    hub: Hub, weights: bytes, asked: str, first: int, last: int
) -> None:
    got = fetch(blob_url(hub), Range=asked)
    assert got.status == 206
    assert got.headers["Content-Range"] == f"bytes {first}-{last}/300000"
    assert got.body == weights[first : last + 1]


@pytest.mark.parametrize("asked", ["bytes=300000-", "bytes=9-3", "bytes=-0"])
def test_ranges_beyond_the_end_are_unsatisfiable(hub: Hub, asked: str) -> None:
    got = fetch(blob_url(hub), Range=asked)
    assert (got.status, got.headers["Content-Range"]) == (416, "bytes */300000")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=-"])
def test_ranges_that_are_none_give_the_whole_file(hub: Hub, asked: str) -> None:
    assert fetch(blob_url(hub), Range=asked).status == 200


def test_if_range_gives_the_whole_file_unless_it_is_the_same(hub: Hub) -> None:
    etag = fetch(blob_url(hub), "HEAD").headers["ETag"]
    assert fetch(blob_url(hub), Range="bytes=5-", If_Range=etag).status == 206
    assert fetch(blob_url(hub), Range="bytes=5-", If_Range='"other"').status == 200


def test_signatures_are_checked_and_can_be_made_stale(hub: Hub) -> None:
    address = blob_url(hub)
    assert fetch(address).status == 200
    assert fetch(address.replace("Signature=", "Signature=0")).status == 403
    assert fetch(address.split("?")[0]).status == 403
    assert fetch(address.replace("Expires=1", "Expires=9")).status == 403
    hub.expire_signatures()
    assert fetch(address).status == 403
    assert fetch(blob_url(hub)).status == 200


def test_blobs_of_older_commits_stay_readable(hub: Hub, weights: bytes) -> None:
    first = hub.add_repo("org/name", {"model.safetensors": WEIGHTS})
    hub.commit("org/name", {"model.safetensors": Pattern(300_000, seed=4)})
    old = fetch(f"{hub.endpoint}/org/name/resolve/{first}/model.safetensors").headers["Location"]
    assert fetch(old).body == weights
    assert fetch(blob_url(hub)).body != weights


def test_a_sparse_file_of_sixty_gigabytes_serves_its_far_end(hub: Hub) -> None:
    size_bytes = 60_000_000_000
    hub.add_repo("org/name", {"huge.safetensors": Sparse(size_bytes, sha256="ab" * 32)})
    redirect = fetch(f"{hub.endpoint}/org/name/resolve/main/huge.safetensors", "HEAD")
    assert redirect.headers["X-Linked-Size"] == str(size_bytes)
    assert redirect.headers["X-Linked-Etag"] == f'"{"ab" * 32}"'
    got = fetch(redirect.headers["Location"], Range=f"bytes={size_bytes - 3}-")
    assert got.body == b"\0\0\0"


def test_a_file_on_disk_is_served_as_it_is(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"from disk" * 10_000)
    hub.add_repo("org/name", {"on.bin": tmp_path / "file"})
    assert fetch(blob_url(hub, "on.bin")).body == b"from disk" * 10_000


def test_connections_are_kept_and_the_log_names_them(hub: Hub) -> None:
    connection = http.client.HTTPConnection(urlsplit(hub.endpoint).netloc, timeout=10)
    for _ in range(3):
        connection.request(
            "GET", "/org/name/resolve/main/notes.txt", headers={"Range": "bytes=4-5"}
        )
        assert connection.getresponse().read() == b"45"
    connection.close()
    records = hub.find("notes.txt")
    assert len({record.connection for record in records}) == 1
    assert {(r.status, r.bytes_sent, r.range_start, r.range_end) for r in records} == {
        (206, 2, 4, 5)
    }
    assert all(record.ended is not None and record.ended >= record.started for record in records)


def test_a_stopped_hub_refuses_and_comes_back_on_the_same_ports(hub: Hub) -> None:
    address = f"{hub.endpoint}/org/name/resolve/main/notes.txt"
    hub.stop()
    with pytest.raises(ConnectionRefusedError):
        fetch(address)
    hub.start()
    assert fetch(address).status == 200


def test_latency_is_a_round_trip_and_doubles_on_a_new_connection(hub: Hub) -> None:
    hub.configure(latency_seconds=0.05)
    connection = http.client.HTTPConnection(urlsplit(hub.endpoint).netloc, timeout=10)
    for _ in range(2):
        connection.request("GET", "/org/name/resolve/main/notes.txt")
        connection.getresponse().read()
    connection.close()
    hub.wait_until(lambda: all(record.ended for record in hub.requests))
    first, second = (record.ended - record.started for record in hub.requests if record.ended)
    assert first >= 0.1
    assert 0.05 <= second < first


def test_the_server_limit_is_shared_and_the_connection_limit_is_not(hub: Hub) -> None:
    hub.configure(server_bps=3_000_000)
    addresses = [blob_url(hub) for _ in range(2)]
    sockets = [_requested(address) for address in addresses]
    hub.wait_until(lambda: len([r for r in hub.find(port="cdn") if r.ended]) == 2)
    for sock in sockets:
        sock.close()
    records = hub.find(port="cdn")
    took = max(r.ended or 0 for r in records) - min(r.started for r in records)
    assert took >= 0.19  # 600,000 bytes at 3 MB/s


def _requested(address: str) -> socket.socket:
    parts = urlsplit(address)
    sock = socket.create_connection((parts.hostname or "", parts.port or 0))
    sock.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return sock


def test_the_hub_serves_as_a_proxy_for_its_own_addresses(hub: Hub) -> None:
    proxy = http.client.HTTPConnection(urlsplit(hub.endpoint).netloc, timeout=10)
    asked = {blob_url(hub): 300_000, "http://hub.example/org/name/resolve/main/notes.txt": 10}
    for address, size_bytes in asked.items():
        proxy.request("GET", address)
        assert len(proxy.getresponse().read()) == size_bytes
    proxy.close()
    _, blob, notes = hub.requests
    assert (blob.port, blob.proxied) == ("cdn", True)
    assert (notes.host, notes.proxied) == ("hub.example", True)
