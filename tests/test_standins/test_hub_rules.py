"""Rules choose the requests that faults strike, and faults survive the way to another process."""

from __future__ import annotations

import http.client

import pytest

from tests.standins import hub as stand_in
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
    Stall,
    Status,
    TooManyRequests,
    Truncate,
    Unsatisfiable,
    WrongContentLength,
    WrongContentRange,
    WrongLinkedSize,
)
from tests.standins.hub.rules import fault_from_json
from tests.test_standins.test_hub_http import blob_url, fetch

WEIGHTS = Pattern(300_000, seed=3)
RESOLVE = "{}/org/name/resolve/main/{}"


@pytest.fixture(autouse=True)
def _repository(hub: Hub) -> None:
    hub.add_repo("org/name", {"model.safetensors": WEIGHTS, "notes.txt": b"0123456789"})


def test_counted_rules_play_in_order_and_others_always(hub: Hub) -> None:
    hub.inject(Status(500), path="notes.txt", count=2)
    hub.inject(Latency(0.001), path="notes.txt")
    hub.inject(Status(502), path="notes.txt", nth=3)
    hub.inject(Status(503), path="notes.txt", skip=4, count=1)
    address = RESOLVE.format(hub.endpoint, "notes.txt")
    assert [fetch(address).status for _ in range(6)] == [500, 500, 502, 200, 503, 200]


def test_rules_choose_by_file_address_method_and_repository(hub: Hub) -> None:
    hub.add_repo("org/other", {"notes.txt": b"x"})
    hub.inject(Status(500), path="*.txt", method="HEAD")
    hub.inject(Status(501), repo_id="org/other", method="GET")
    hub.inject(Status(502), path="/api/models/org/name/tree/*")
    mine, other = (
        f"{hub.endpoint}/org/{name}/resolve/main/notes.txt" for name in ("name", "other")
    )
    assert [fetch(mine, "HEAD").status, fetch(mine).status, fetch(other).status] == [500, 200, 501]
    assert fetch(f"{hub.endpoint}/api/models/org/name/tree/main").status == 502


def test_faults_on_addresses_strike_json_as_well(hub: Hub) -> None:
    hub.inject(Truncate(10), path="/api/models/*")
    with pytest.raises(http.client.IncompleteRead):
        fetch(f"{hub.endpoint}/api/models/org/name")


def test_removed_faults_strike_no_more(hub: Hub) -> None:
    injected = hub.inject(Status(500), path="notes.txt")
    address = RESOLVE.format(hub.endpoint, "notes.txt")
    assert fetch(address).status == 500
    injected.remove()
    assert fetch(address).status == 200


def test_faults_together_strike_one_request(hub: Hub) -> None:
    whole = fetch(blob_url(hub)).body
    hub.inject(Corrupt(5), Truncate(20_000), Slow(2_000_000), count=1)
    with pytest.raises(http.client.IncompleteRead) as caught:
        fetch(blob_url(hub))
    assert len(caught.value.partial) == 20_000
    assert caught.value.partial[5] == 255 - whole[5]


def test_names_that_leave_the_folder_are_listed_as_they_are(hub: Hub) -> None:
    hub.add_repo("org/evil", {"../../outside": b"x", "/absolute": b"y"})
    listed = fetch(f"{hub.endpoint}/api/models/org/evil/tree/main?recursive=true").body
    assert b'"path": "../../outside"' in listed


def test_rules_choose_by_the_program_that_asks(hub: Hub) -> None:
    hub.inject(Status(403), user_agent="ours/*")
    address = RESOLVE.format(hub.endpoint, "notes.txt")
    statuses = [fetch(address, User_Agent=name).status for name in ("ours/1.0", "hf_hub/2")]
    assert statuses == [403, 200]


FAULTS = [
    *(Truncate(1), Reset(1), Stall(1), Hang(), Slow(1.5), Latency(0.5), Dribble(0.1, 3)),
    *(Corrupt(-1), ExtraBytes(1), WrongContentLength(-1), ResetBeforeAnswer(), IgnoreRange()),
    *(Unsatisfiable(), ShortBody(1), WrongLinkedSize(1), WrongContentRange(1), ShiftedBody(1)),
    *(Status(418, "Teapot", headers={"X": "y"}), TooManyRequests(1), Redirect("http://x")),
    *(CaptivePortal(), ExpiredSignature(), Changed()),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_faults_survive_json(fault: Fault) -> None:
    assert fault_from_json(fault.as_json()) == fault


def test_every_fault_is_tested_here() -> None:
    exported = {getattr(stand_in, name) for name in stand_in.__all__}
    kinds = {kind for kind in exported if isinstance(kind, type) and issubclass(kind, Fault)}
    assert kinds - {Fault} == {type(fault) for fault in FAULTS}
