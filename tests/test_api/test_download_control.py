"""Order, quiet hours, single files and the history of downloads over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.standins.hub import Hub, Pattern, Stall
from tests.test_api.jobs import until, working
from tests.test_api.world import World, open_world, populate
from yipyap_core.stores.preferences import PreferenceStore

SETTINGS = "/model-download-settings"
NIGHT = {"start": "22:30", "end": "06:00", "stops_running": True}
CONTENT = b"x" * 300_000
ANSWER_SECONDS = 0.2
MOST_TRIES = 20


@pytest.fixture
def hub_world(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose hub answers; nothing runs yet."""
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("YIPYAP_DISK_RESERVE_BYTES", "0")
    with open_world() as world:
        populate(world)
        yield world


@pytest.fixture
def admin(hub: Hub, hub_world: World) -> TestClient:
    """An administrator with a registered model of two files."""
    hub.add_repo("org/mine", {"model.safetensors": CONTENT, "config.json": b"{}"})
    client = hub_world.client(hub_world.people.bearer("ada"))
    client.post("/model-registry", json={"id": "mine", "repo_id": "org/mine"})
    return client


def order(client: TestClient) -> list[str]:
    queue = client.get("/model-download-queue-status").json()
    return [one["model_id"] for one in queue["queued"]]


def finish(client: TestClient, word: str) -> None:
    """Start the model and wait until it ended in this state."""
    assert client.post("/model-download/mine/start").status_code == 202
    until(lambda: client.get("/model-download-status/mine").json()["status"] == word)


def fields(answer: Any) -> list[str]:
    return [one["field"] for one in answer.json()["errors"]]


def test_waiting_downloads_change_places(ada: TestClient) -> None:
    for name in ("jtp2", "yolo-n", "yolo-s"):
        ada.post(f"/model-download/{name}/start")
    moved = ada.post("/model-download/yolo-s/move", json={"steps": -1})
    assert moved.status_code == 200
    queued = [one["model_id"] for one in moved.json()["queued"]]
    assert queued == order(ada) == ["jtp2", "yolo-s", "yolo-n"]
    ada.post("/model-download/yolo-n/move", json={"steps": -10_000})
    assert order(ada) == ["yolo-n", "jtp2", "yolo-s"]
    ada.post("/model-download/jtp2/move", json={"steps": 5})
    assert order(ada) == ["yolo-n", "yolo-s", "jtp2"]


def test_a_paused_download_is_no_step(ada: TestClient) -> None:
    for name in ("jtp2", "yolo-n", "yolo-s"):
        ada.post(f"/model-download/{name}/start")
    ada.post("/model-download/yolo-n/pause")
    ada.post("/model-download/yolo-s/move", json={"steps": -1})
    assert order(ada) == ["yolo-s", "jtp2"]


def test_a_higher_priority_goes_first(ada: TestClient) -> None:
    for name in ("jtp2", "yolo-n"):
        ada.post(f"/model-download/{name}/start")
    answer = ada.post("/model-download/yolo-n/priority", json={"priority": 5})
    assert [one["model_id"] for one in answer.json()["queued"]] == ["yolo-n", "jtp2"]


def test_the_queue_says_which_priority_each_has(ada: TestClient) -> None:
    ada.post("/model-download/yolo-n/start")
    ada.post("/model-download/yolo-n/priority", json={"priority": 10})
    (only,) = ada.get("/model-download-queue-status").json()["queued"]
    assert only["priority"] == 10


def test_a_model_that_is_forgotten_while_its_download_waits_can_still_be_asked_about_and_stopped(
    ada: TestClient,
) -> None:
    ada.post("/model-registry", json={"id": "mine", "repo_id": "org/mine"})
    ada.post("/model-download/mine/start")
    assert ada.delete("/model-registry/mine").status_code == 204
    assert order(ada) == ["mine"]
    assert ada.get("/model-download-status/mine").json()["phase"] == "queued"
    assert ada.get("/model-download/mine/kept").json()["kept_bytes"] == 0
    assert ada.get("/model-download/mine/timeline").json()["events"][0]["kind"] == "queued"
    assert ada.post("/model-download/mine/pause").json()["phase"] == "paused"
    assert ada.post("/model-download/mine/resume").json()["code"] == "unknown_model"
    assert ada.post("/model-download/mine/cancel").status_code == 200
    assert ada.get("/model-download-status/mine").json()["code"] == "unknown_model"
    assert ada.post("/model-download/mine/cancel").json()["code"] == "unknown_model"
    (line,) = ada.get("/model-download-history").json()["downloads"]
    assert (line["model_id"], line["state"]) == ("mine", "cancelled")


@pytest.mark.parametrize(
    ("action", "body"),
    [("move", {"steps": 1}), ("priority", {"priority": 1})],
)
def test_what_neither_runs_nor_waits_cannot_be_ordered(
    ada: TestClient, action: str, body: dict[str, int]
) -> None:
    answer = ada.post(f"/model-download/jtp2/{action}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_running")


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("move", {}, "steps"),
        ("move", {"steps": "up"}, "steps"),
        ("move", {"steps": True}, "steps"),
        ("move", {"steps": 10**400}, "steps"),
        ("priority", {"priority": 1001}, "priority"),
        ("priority", {"priority": True}, "priority"),
        ("priority", {"priority": 1, "model": "x"}, "model"),
        ("restart-file", {"path": ""}, "path"),
        ("restart-file", {"path": None}, "path"),
    ],
)
def test_bodies_that_cannot_be_are_refused(
    ada: TestClient, action: str, body: dict[str, object], field: str
) -> None:
    answer = ada.post(f"/model-download/jtp2/{action}", json=body)
    assert answer.status_code == 422
    assert fields(answer) == [field]


def test_quiet_hours_are_set_kept_and_lifted(ada: TestClient) -> None:
    before = ada.put(SETTINGS, json={}).json()
    assert (before["quiet_hours"], before["is_quiet"]) == (None, False)
    assert ada.put(SETTINGS, json={"quiet_hours": NIGHT}).json()["quiet_hours"] == NIGHT
    assert ada.put(SETTINGS, json={"max_concurrent": 4}).json()["quiet_hours"] == NIGHT
    assert ada.get("/model-download-queue-status").json()["quiet_hours"] == NIGHT
    lifted = ada.put(SETTINGS, json={"quiet_hours": None}).json()
    assert (lifted["quiet_hours"], lifted["max_concurrent"]) == (None, 4)


def test_two_windows_that_fill_the_day_are_quiet_in_one_of_them(ada: TestClient) -> None:
    halves = ({"start": "00:00", "end": "12:00"}, {"start": "12:00", "end": "00:00"})
    said = [ada.put(SETTINGS, json={"quiet_hours": one}).json()["is_quiet"] for one in halves]
    assert sorted(said) == [False, True]


@pytest.mark.parametrize(
    ("hours", "field"),
    [
        ({"start": "24:00", "end": "06:00"}, "quiet_hours.start"),
        ({"start": "22:30", "end": "6:00"}, "quiet_hours.end"),
        ({"start": "22:30", "end": "06:00\n"}, "quiet_hours.end"),
        ({"start": "22:30"}, "quiet_hours.end"),
        ({"start": "22:30", "end": "06:00", "zone": "CET"}, "quiet_hours.zone"),
        (NIGHT | {"stops_running": "yes"}, "quiet_hours.stops_running"),
        ({"start": "06:00", "end": "06:00"}, "quiet_hours"),
        ("22:30-06:00", "quiet_hours"),
    ],
)
def test_quiet_hours_that_cannot_be_change_nothing(
    ada: TestClient, hours: object, field: str
) -> None:
    before = ada.put(SETTINGS, json={"max_concurrent": 2, "quiet_hours": NIGHT}).json()
    answer = ada.put(SETTINGS, json={"max_concurrent": 9, "quiet_hours": hours})
    assert answer.status_code == 422
    assert fields(answer) == [field]
    assert ada.put(SETTINGS, json={}).json() == before


@pytest.mark.parametrize("value", [True, False, "3", 3.5])
@pytest.mark.parametrize("field", ["max_concurrent", "bandwidth_limit_bps"])
def test_a_limit_is_a_number_and_nothing_like_one(
    ada: TestClient, field: str, value: object
) -> None:
    before = ada.put(SETTINGS, json={}).json()
    answer = ada.put(SETTINGS, json={field: value})
    assert (answer.status_code, fields(answer)) == (422, [field])
    assert ada.put(SETTINGS, json={}).json() == before


def test_limits_are_changed_all_together_or_not_at_all(
    ada: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ada.put(SETTINGS, json={}).json()
    writes: list[object] = []

    def fail(*_: object, **__: object) -> None:
        writes.append(1)
        raise RuntimeError("the disk of the store is full")

    with monkeypatch.context() as broken:
        broken.setattr(PreferenceStore, "set", fail)
        answer = ada.put(SETTINGS, json={"max_concurrent": 9, "quiet_hours": NIGHT})
    assert (answer.status_code, len(writes)) == (500, 1)
    assert ada.get("/model-download-queue-status").json() == before

    after = ada.put(SETTINGS, json={"max_concurrent": 9, "quiet_hours": NIGHT}).json()
    assert (after["max_concurrent"], after["quiet_hours"]) == (9, NIGHT)


def test_pause_and_cancel_answer_at_once_on_a_stalled_line(
    hub: Hub, hub_world: World, admin: TestClient
) -> None:
    """The line stays silent for longer than the test runs, so nothing but the stop ends the wait.

    A machine that is busy may be late, so the best of several answers counts: an answer that
    waits for a time-out or a poll is late each time.
    """
    hub.add_repo("org/mine", {"model.safetensors": Pattern(30_000_000)})  # no try completes it
    hub.inject(Stall(100_000), path="model.safetensors")
    seconds: dict[str, list[float]] = {"pause": [], "cancel": []}
    with working(hub_world):
        for number in range(MOST_TRIES):
            wish = "cancel" if number % 2 else "pause"
            admin.post("/model-download/mine/start")
            until(lambda: len(hub.find("model.safetensors", port="cdn")) > number)  # noqa: B023
            began = time.monotonic()
            answer = admin.post(f"/model-download/mine/{wish}")
            seconds[wish].append(time.monotonic() - began)
            assert answer.json()["phase"] == {"pause": "paused", "cancel": "cancelled"}[wish]
            if all(min(tries, default=9) < ANSWER_SECONDS for tries in seconds.values()):
                return
    raise AssertionError(f"no answer within {ANSWER_SECONDS} s: {seconds}")


def test_the_history_tells_who_when_how_long_how_fast_and_by_which_connections(
    hub: Hub, hub_world: World, admin: TestClient
) -> None:
    with working(hub_world):
        finish(admin, "completed")
    (line,) = admin.get("/model-download-history").json()["downloads"]
    assert (line["model_id"], line["actor"], line["state"]) == ("mine", "ada", "done")
    assert (line["bytes_done"], line["bytes_total"]) == (len(CONTENT) + 2, len(CONTENT) + 2)
    assert (line["files_done"], line["files_total"]) == (2, 2)
    assert (line["verified"], line["attempts"], line["error"]) == (True, 1, None)
    assert line["active_seconds"] > 0
    assert line["mean_speed_bps"] > 0
    assert line["created_at"] <= line["started_at"] <= line["finished_at"]
    uses = {one["origin"]: one for one in line["connections"]}
    assert uses[hub.endpoint]["protocol"] == "HTTP/1.1"
    assert sum(one["streams"] + one["ranges"] for one in uses.values()) == 2
    assert all(1 <= one["at_once"] <= one["opened"] for one in uses.values())
    path = f"/model-download-history/{line['job_id']}/timeline"
    kinds = [one["kind"] for one in admin.get(path).json()["events"]]
    assert kinds[0] == "queued"
    assert kinds[-1] == "done"


def test_the_history_says_why_a_download_failed(
    hub: Hub, hub_world: World, admin: TestClient
) -> None:
    hub.add_repo("org/mine", {"a": b"a"}, gated=True)
    with working(hub_world):
        finish(admin, "failed")
    (line,) = admin.get("/model-download-history").json()["downloads"]
    assert (line["state"], line["verified"]) == ("failed", False)
    assert line["error"]["code"] == "gated_repository"
    assert line["mean_speed_bps"] is None


def test_the_history_is_newest_first_and_chosen_by_model(ada: TestClient) -> None:
    for name in ("jtp2", "yolo-n"):
        ada.post(f"/model-download/{name}/start")

    def models(query: str) -> list[str]:
        found = ada.get(f"/model-download-history{query}").json()["downloads"]
        return [one["model_id"] for one in found]

    assert models("") == models("?model_id=") == ["yolo-n", "jtp2"]
    assert models("?model_id=jtp2") == ["jtp2"]
    assert models("?limit=1") == ["yolo-n"]
    assert models("?model_id=none") == []


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=many", "model_id=%00"])
def test_a_history_that_cannot_be_is_refused(ada: TestClient, query: str) -> None:
    answer = ada.get(f"/model-download-history?{query}")
    assert answer.status_code == 422
    assert fields(answer) == [query.partition("=")[0]]


def test_what_is_kept_is_counted_on_the_disk(hub_world: World, admin: TestClient) -> None:
    nothing = admin.get("/model-download/mine/kept").json()
    assert (nothing["files_done"], nothing["kept_bytes"]) == (0, 0)
    with working(hub_world):
        finish(admin, "completed")
    assert admin.get("/model-download/mine/kept").json() == {
        "files_done": 2,
        "files_total": 2,
        "kept_bytes": len(CONTENT) + 2,
        "current_file": None,
        "current_bytes": 0,
        "unfinished_files": 0,
        "lost_bytes": 0,
    }
    assert admin.get("/model-download/none/kept").json()["code"] == "unknown_model"


def test_one_file_is_restarted_by_name(hub_world: World, admin: TestClient) -> None:
    with working(hub_world):
        finish(admin, "completed")
        path = "/model-download/mine/restart-file"
        unknown = admin.post(path, json={"path": "../config.json"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_file")
        assert admin.post(path, json={"path": "config.json"}).status_code == 202
        until(lambda: admin.get("/model-download-status/mine").json()["status"] == "completed")
    newest, oldest = admin.get("/model-download-history").json()["downloads"]
    assert newest["job_id"] != oldest["job_id"]
    timeline = admin.get(f"/model-download-history/{newest['job_id']}/timeline").json()["events"]
    assert any(one["kind"] == "restart_file" for one in timeline)
