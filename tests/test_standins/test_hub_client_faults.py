"""The real client meets the faults, and does with them what it does on a real line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.standins.hub import (
    Corrupt,
    Fault,
    Hub,
    IgnoreRange,
    Pattern,
    Redirect,
    Reset,
    ShortBody,
    Stage,
    Stall,
    Status,
    TooManyRequests,
    Truncate,
    WrongLinkedSize,
)
from tests.test_standins.conftest import ClientError, RealClient

MIB = 1024 * 1024
DOWNLOAD = """
path = hf_hub_download("org/name", "model.bin", cache_dir=cache, token=False)
found = HfApi().verify_repo_checksums("org/name", cache_dir=cache)
result = [len(open(path, "rb").read()), len(found.mismatches)]
"""


@pytest.fixture(autouse=True)
def _repository(hub: Hub) -> None:
    hub.add_repo("org/name", {"model.bin": Pattern(32 * MIB)})


def resumed_from(hub: Hub) -> list[int | None]:
    """Where each request for the blob began."""
    return [record.range_start for record in hub.find(port="cdn")]


@pytest.mark.parametrize("fault", [Truncate(15 * MIB), Stall(15 * MIB)])
def test_a_cut_or_stalled_line_is_resumed(
    hub: Hub, client: RealClient, tmp_path: Path, fault: Fault
) -> None:
    hub.inject(fault, count=1)
    assert client.run(DOWNLOAD, cache=str(tmp_path)) == [32 * MIB, 0]
    assert resumed_from(hub) == [None, 10 * MIB]


def test_an_ignored_range_begins_again(hub: Hub, client: RealClient, tmp_path: Path) -> None:
    hub.inject(Truncate(15 * MIB), count=1)
    hub.inject(IgnoreRange())
    assert client.run(DOWNLOAD, cache=str(tmp_path)) == [32 * MIB, 0]
    assert [record.status for record in hub.find(port="cdn")] == [200, 200]


def test_one_wrong_byte_is_only_found_by_verifying(
    hub: Hub, client: RealClient, tmp_path: Path
) -> None:
    hub.inject(Corrupt(20 * MIB))
    assert client.run(DOWNLOAD, cache=str(tmp_path)) == [32 * MIB, 1]


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Reset(15 * MIB), "ReadError", "reset"),
        (ShortBody(100), "OSError", "Consistency check failed"),
        (WrongLinkedSize(5), "OSError", "Consistency check failed"),
        (Status(503), "HfHubHTTPError", "503"),
    ],
)
def test_faults_that_end_the_clients_download(
    hub: Hub, client: RealClient, tmp_path: Path, fault: Fault, kind: str, words: str
) -> None:
    where = Stage.RESOLVE if isinstance(fault, WrongLinkedSize) else Stage.CDN
    hub.inject(fault, on=where)
    with pytest.raises(ClientError) as caught:
        client.run(DOWNLOAD, cache=str(tmp_path))
    assert kind in caught.value.kinds
    assert words in caught.value.message
    assert len(hub.find(port="cdn")) == 1


def test_a_limited_tree_is_asked_again(hub: Hub, client: RealClient) -> None:
    hub.inject(TooManyRequests(0), path="/api/models/org/name/tree/*", count=1)
    code = "result = len(list(HfApi().list_repo_tree('org/name')))"
    assert client.run(code) == 1
    assert [record.status for record in hub.find("/api/*/tree/*")] == [429, 200]


def test_the_token_does_not_follow_to_another_host(
    hub: Hub, client: RealClient, tmp_path: Path
) -> None:
    with Hub(host="127.0.0.2") as other:
        other.add_repo("org/name", {"model.bin": Pattern(MIB)})
        hub.inject(Redirect(other.endpoint + "{path}"), on=Stage.CDN)
        with pytest.raises(ClientError):
            client.run(DOWNLOAD, cache=str(tmp_path))
        assert [record.authorization for record in other.requests] == [False]
