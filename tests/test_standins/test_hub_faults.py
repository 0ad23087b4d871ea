"""Each fault does on the line what its name says, to the requests its rule chooses."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.standins.hub import (
    CaptivePortal,
    Changed,
    Corrupt,
    Dribble,
    ExpiredSignature,
    ExtraBytes,
    Fault,
    Hang,
    Hub,
    IgnoreRange,
    Latency,
    Pattern,
    Redirect,
    Reset,
    ResetBeforeAnswer,
    ShiftedBody,
    ShortBody,
    Slow,
    Stage,
    Stall,
    Status,
    TooManyRequests,
    Truncate,
    Unsatisfiable,
    WrongContentLength,
    WrongContentRange,
    WrongLinkedSize,
    write_pattern,
)
from tests.test_standins.test_hub_http import blob_url, fetch

WEIGHTS = Pattern(300_000, seed=3)
RESOLVE = "{}/org/name/resolve/main/{}"


@pytest.fixture(autouse=True)
def _repository(hub: Hub) -> None:
    hub.add_repo("org/name", {"model.safetensors": WEIGHTS, "notes.txt": b"0123456789"})


@pytest.fixture
def weights(tmp_path: Path) -> bytes:
    """The bytes of the large file."""
    write_pattern(tmp_path / "weights", WEIGHTS)
    return (tmp_path / "weights").read_bytes()


def receive(address: str) -> Iterator[bytes]:
    """What comes over the line for a GET, piece by piece, until it ends."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as sock:
        sock.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while data := sock.recv(65536):
            yield data


def body_until_reset(address: str) -> bytes:
    """The body up to a TCP reset, which must come."""
    received = b""
    with pytest.raises(ConnectionResetError):
        for data in receive(address):
            received += data
    return received.partition(b"\r\n\r\n")[2]


def test_truncate_closes_after_exactly_so_many_bytes(hub: Hub, weights: bytes) -> None:
    hub.inject(Truncate(123_457))
    with pytest.raises(http.client.IncompleteRead) as caught:
        fetch(blob_url(hub))
    assert caught.value.partial == weights[:123_457]


def test_reset_comes_after_exactly_so_many_bytes(hub: Hub, weights: bytes) -> None:
    hub.inject(Reset(123_457))
    assert body_until_reset(blob_url(hub)) == weights[:123_457]


def test_reset_before_the_answer_sends_nothing(hub: Hub) -> None:
    address = blob_url(hub)
    hub.inject(ResetBeforeAnswer(), on=Stage.CDN)
    assert body_until_reset(address) == b""
    assert hub.find(port="cdn")[0].status is None


def test_stall_holds_the_body_until_released(hub: Hub, weights: bytes) -> None:
    injected = hub.inject(Stall(100_000), path="model.safetensors")
    address, received = blob_url(hub), bytearray()

    def read() -> None:
        received.extend(fetch(address).body)

    reader = threading.Thread(target=read)
    reader.start()
    hub.wait_for_bytes(100_000, "model.safetensors")
    assert hub.find(port="cdn")[0].ended is None
    injected.release()
    reader.join()
    assert bytes(received) == weights


def test_a_stalled_request_ends_in_the_log_when_its_client_leaves(hub: Hub) -> None:
    hub.inject(Stall(0))
    stream = receive(blob_url(hub))
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator
    hub.wait_until(lambda: all(record.ended for record in hub.find(port="cdn")), 2)


def test_hang_gives_no_answer_until_released(hub: Hub) -> None:
    injected = hub.inject(Hang(), path="notes.txt", count=1)
    address = RESOLVE.format(hub.endpoint, "notes.txt")
    with pytest.raises(TimeoutError):
        _fetch_within(address, seconds=0.1)
    assert injected.strikes == 1
    assert fetch(address).body == b"0123456789"


def _fetch_within(address: str, *, seconds: float) -> bytes:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=seconds)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("fault", "least_seconds"),
    [(Slow(1_500_000), 0.19), (Latency(0.1), 0.1), (Dribble(0.01, after_bytes=299_990), 0.1)],
)
def test_slow_faults_take_their_time_and_lose_nothing(
    hub: Hub, weights: bytes, fault: Fault, least_seconds: float
) -> None:
    address = blob_url(hub)
    hub.inject(fault, on=Stage.CONTENT)
    began = time.monotonic()
    assert fetch(address).body == weights
    assert time.monotonic() - began >= least_seconds


@pytest.mark.parametrize("offset", [0, 150_000, -1])
def test_corrupt_inverts_one_byte_in_whatever_range_holds_it(
    hub: Hub, weights: bytes, offset: int
) -> None:
    hub.inject(Corrupt(offset))
    got = fetch(blob_url(hub)).body
    wrong = [
        index for index, pair in enumerate(zip(got, weights, strict=True)) if pair[0] != pair[1]
    ]
    assert wrong == [offset % 300_000]
    assert fetch(blob_url(hub), Range="bytes=100-200").body == weights[100:201]


def test_ignored_ranges_give_200_and_everything(hub: Hub, weights: bytes) -> None:
    hub.inject(IgnoreRange())
    got = fetch(blob_url(hub), Range="bytes=5-")
    assert (got.status, got.body == weights) == (200, True)


def test_unsatisfiable_refuses_ranges_only(hub: Hub) -> None:
    hub.inject(Unsatisfiable())
    assert fetch(blob_url(hub), Range="bytes=5-").status == 416
    assert fetch(blob_url(hub)).status == 200


def test_short_body_agrees_with_its_lengths(hub: Hub, weights: bytes) -> None:
    hub.inject(ShortBody(100))
    got = fetch(blob_url(hub))
    assert got.headers["Content-Length"] == "299900"
    assert got.body == weights[:-100]
    part = fetch(blob_url(hub), Range="bytes=299000-")
    assert part.headers["Content-Range"] == "bytes 299000-299899/299900"


def test_extra_bytes_follow_the_file(hub: Hub, weights: bytes) -> None:
    hub.inject(ExtraBytes(9))
    got = fetch(blob_url(hub))
    assert got.body == weights + b"\0" * 9


def test_wrong_content_length_promises_other_than_it_sends(hub: Hub, weights: bytes) -> None:
    hub.inject(WrongContentLength(+10), nth=1)
    hub.inject(WrongContentLength(-10), nth=2)
    with pytest.raises(http.client.IncompleteRead) as caught:
        fetch(blob_url(hub))
    assert caught.value.partial == weights
    assert fetch(blob_url(hub)).body == weights[:-10]


def test_wrong_linked_size_is_only_in_the_header(hub: Hub) -> None:
    hub.inject(WrongLinkedSize(5))
    got = fetch(RESOLVE.format(hub.endpoint, "model.safetensors"), "HEAD")
    assert got.headers["X-Linked-Size"] == "300005"


def test_wrong_content_range_names_other_bytes(hub: Hub, weights: bytes) -> None:
    hub.inject(WrongContentRange(1000))
    got = fetch(blob_url(hub), Range="bytes=10-19")
    assert got.headers["Content-Range"] == "bytes 1010-1019/300000"
    assert got.body == weights[10:20]


def test_shifted_body_sends_other_bytes_than_it_names(hub: Hub, weights: bytes) -> None:
    hub.inject(ShiftedBody(1000))
    got = fetch(blob_url(hub), Range="bytes=10-19")
    assert got.headers["Content-Range"] == "bytes 10-19/300000"
    assert got.body == weights[1010:1020]


def test_changed_content_has_another_etag_and_other_bytes(hub: Hub, weights: bytes) -> None:
    etag = fetch(blob_url(hub), "HEAD").headers["ETag"]
    hub.inject(Changed())
    got = fetch(blob_url(hub), Range="bytes=10-", If_Range=etag)
    assert got.status == 200
    assert got.body == bytes(255 - value for value in weights)


def test_expired_signature_strikes_the_blob_port_only(hub: Hub) -> None:
    hub.inject(ExpiredSignature())
    assert fetch(RESOLVE.format(hub.endpoint, "notes.txt")).status == 200
    got = fetch(blob_url(hub))
    assert got.status == 403
    assert b"expired" in got.body


def test_too_many_requests_says_when_in_seconds_or_as_a_date(hub: Hub) -> None:
    hub.inject(TooManyRequests(7), count=1)
    hub.inject(TooManyRequests(7, as_date=True), count=1)
    address = RESOLVE.format(hub.endpoint, "notes.txt")
    first, second = fetch(address), fetch(address)
    assert (first.status, first.headers["Retry-After"]) == (429, "7")
    wait = parsedate_to_datetime(second.headers["Retry-After"]).timestamp() - time.time()
    assert 4 <= wait <= 8


def test_redirect_leads_wherever_it_is_told(hub: Hub) -> None:
    with Hub(host="127.0.0.2") as other:
        other.add_repo("org/name", {"notes.txt": b"elsewhere"})
        hub.inject(Redirect(other.endpoint + "{path}"), path="notes.txt")
        got = fetch(RESOLVE.format(hub.endpoint, "notes.txt"))
        assert got.status == 302
        assert got.headers["Location"].startswith("http://127.0.0.2:")
        assert fetch(got.headers["Location"]).body == b"elsewhere"


def test_captive_portal_answers_with_a_page(hub: Hub) -> None:
    hub.inject(CaptivePortal(), on=Stage.CDN)
    got = fetch(blob_url(hub))
    assert (got.status, got.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"Sign in" in got.body


def test_status_keeps_the_commit_and_takes_headers_and_body(hub: Hub) -> None:
    hub.inject(Status(404, "EntryNotFound"), path="notes.txt", count=1)
    hub.inject(Status(503, body="down", headers={"X-Why": "test"}), path="notes.txt")
    address = RESOLVE.format(hub.endpoint, "notes.txt")
    first, second = fetch(address), fetch(address)
    assert first.headers["X-Error-Code"] == "EntryNotFound"
    assert len(first.headers["X-Repo-Commit"]) == 40
    assert (second.status, second.body, second.headers["X-Why"]) == (503, b"down", "test")
