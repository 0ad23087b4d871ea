"""The chunk store as any client sees it: tokens, the two questions, xorbs and their addresses."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.standins.hub import Hub, HubInterface, Pattern, Source, write_pattern
from tests.standins.hub.xorbs import XORB_FILE_BYTES
from tests.test_standins.test_hub_http import Got, fetch

WEIGHTS = Pattern(2 * XORB_FILE_BYTES + 100_001, seed=5)
REPO: dict[str, Source] = {"model.safetensors": WEIGHTS, "notes.txt": b"0123456789"}


@pytest.fixture
def commit(hub: Hub) -> str:
    """A repository whose large file is in the store."""
    return hub.add_repo("org/name", REPO, xet=True)


def token_of(hub: HubInterface, commit: str, repo_id: str = "org/name") -> dict[str, Any]:
    got = fetch(f"{hub.endpoint}/api/models/{repo_id}/xet-read-token/{commit}")
    told: dict[str, Any] = json.loads(got.body)
    assert got.headers["X-Xet-Access-Token"] == told["accessToken"]
    assert got.headers["X-Xet-Cas-Url"] == told["casUrl"] == hub.cdn_url
    return told


def xet_hash(hub: HubInterface, commit: str) -> str:
    items = json.loads(fetch(f"{hub.endpoint}/api/models/org/name/tree/{commit}").body)
    (large, small) = items
    assert "xetHash" not in small
    head = fetch(f"{hub.endpoint}/org/name/resolve/main/{large['path']}", "HEAD")
    assert head.headers["X-Xet-Hash"] == large["xetHash"]
    assert f'/xet-read-token/{commit}>; rel="xet-auth"' in head.headers["Link"]
    return str(large["xetHash"])


def ask(hub: Hub, commit: str, version: str = "v2", **headers: str) -> Got:
    """How the large file is put together."""
    bearer = f"Bearer {token_of(hub, commit)['accessToken']}"
    address = f"{hub.cdn_url}/{version}/reconstructions/{xet_hash(hub, commit)}"
    return fetch(address, **{"Authorization": bearer, **headers})


def unpacked(xorb: bytes) -> bytes:
    """The chunks of a xorb, read as the format says."""
    data, offset = b"", 0
    while offset < len(xorb):
        header = xorb[offset : offset + 8]
        length = int.from_bytes(header[1:4], "little")
        assert header == bytes([0, *header[1:4], 0, *header[1:4]])
        data += xorb[offset + 8 : offset + 8 + length]
        offset += 8 + length
    return data


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_terms_lead_to_the_bytes_of_the_file(
    hub: Hub, commit: str, tmp_path: Path, version: str
) -> None:
    write_pattern(tmp_path / "weights", WEIGHTS)
    told = json.loads(ask(hub, commit, version).body)

    found = b""
    for term in told["terms"]:
        if version == "v1":
            (way,) = told["fetch_info"][term["hash"]]
            chunks, span = way["range"], way["url_range"]
        else:
            (way,) = told["xorbs"][term["hash"]]
            ((chunks, span),) = (one.values() for one in way["ranges"])
        assert chunks == term["range"]
        got = fetch(way["url"], Range=f"bytes={span['start']}-{span['end']}")
        assert got.status == 206
        assert len(unpacked(got.body)) == term["unpacked_length"]
        found += unpacked(got.body)

    assert found == (tmp_path / "weights").read_bytes()


def test_xorbs_are_cut_at_any_byte(hub: Hub, commit: str) -> None:
    told = json.loads(ask(hub, commit).body)
    (way,) = told["xorbs"][told["terms"][-1]["hash"]]
    whole = fetch(way["url"]).body
    cuts = [0, 1, 7, 8, 9, 65_543, 65_544, 65_545, len(whole)]

    parts = [
        fetch(way["url"], Range=f"bytes={first}-{end - 1}").body
        for first, end in itertools.pairwise(cuts)
    ]

    assert [len(part) for part in parts] == [b - a for a, b in itertools.pairwise(cuts)]
    assert b"".join(parts) == whole


def test_a_range_of_the_file_gets_the_xorbs_that_hold_it(hub: Hub, commit: str) -> None:
    first = XORB_FILE_BYTES + 10
    told = json.loads(ask(hub, commit, Range=f"bytes={first}-{first + 5}").body)
    beyond = ask(hub, commit, Range=f"bytes={WEIGHTS.size_bytes}-")

    assert told["offset_into_first_range"] == 10
    assert [term["unpacked_length"] for term in told["terms"]] == [XORB_FILE_BYTES]
    assert beyond.status == 416


def test_the_store_asks_for_its_own_token(hub: Hub, commit: str) -> None:
    other = hub.add_repo("org/other", {"a.bin": b"1"}, xet=True)
    address = f"{hub.cdn_url}/v2/reconstructions/{xet_hash(hub, commit)}"
    foreign = f"Bearer {token_of(hub, other, 'org/other')['accessToken']}"

    assert fetch(address).status == 401
    assert fetch(address, Authorization="Bearer hf_unknown").status == 401
    assert fetch(address, Authorization=foreign).status == 404
    assert ask(hub, commit).status == 200


def test_a_gated_repository_gives_no_token(hub: Hub) -> None:
    commit = hub.add_repo("org/gate", REPO, xet=True, gated="auto")
    got = fetch(f"{hub.endpoint}/api/models/org/gate/xet-read-token/{commit}")
    assert (got.status, got.headers["X-Error-Code"]) == (401, "GatedRepo")


def test_addresses_of_xorbs_expire(hub: Hub, commit: str) -> None:
    told = json.loads(ask(hub, commit).body)
    (way,) = told["xorbs"][told["terms"][0]["hash"]]
    assert fetch(way["url"]).status == 200
    hub.expire_signatures()
    assert fetch(way["url"]).status == 403
