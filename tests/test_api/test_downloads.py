"""Downloads over HTTP, against a hub that is a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.standins.hub import Hub
from tests.standins.waiting import wait_until
from tests.test_api.world import World, open_world, populate

MINE = {"id": "mine", "repo_id": "org/mine"}


@pytest.fixture
def hub_world(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose hub answers, with downloads running."""
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("YIPYAP_DISK_RESERVE_BYTES", "0")
    with open_world() as world:
        populate(world)
        world.application.runner.start()
        yield world
        world.application.runner.stop()


@pytest.fixture
def admin(hub_world: World) -> TestClient:
    client = hub_world.client(hub_world.people.bearer("ada"))
    assert client.post("/model-registry", json=MINE).status_code == 201
    return client


def status(client: TestClient) -> dict[str, object]:
    body: dict[str, object] = client.get("/model-download-status/mine").json()
    return body


def wait_for(client: TestClient, word: str) -> None:
    """Wait until the download has this status."""
    wait_until(
        lambda: status(client)["status"] == word,
        timeout_seconds=30,
        last=lambda: [status(client)],
    )


def test_a_download_from_start_to_end(hub: Hub, admin: TestClient) -> None:
    hub.add_repo("org/mine", {"model.safetensors": b"x" * 300_000, "config.json": b"{}"})
    started = admin.post("/model-download/mine/start")
    assert started.status_code == 202
    assert started.json()["status"] == "downloading"
    wait_for(admin, "completed")
    body = status(admin)
    assert (body["progress"], body["bytes_done"], body["bytes_total"]) == (100.0, 300_002, 300_002)
    assert (body["files_done"], body["files_total"], body["verified"]) == (2, 2, True)
    assert body["resolved_commit"] and body["error"] is None
    again = admin.post("/model-download/mine/start")
    assert (again.status_code, again.json()["status"]) == (200, "completed")
    (model,) = [one for one in admin.get("/model-registry").json()["models"] if one["id"] == "mine"]
    assert (model["size_bytes"], model["size_is_estimate"]) == (300_002, False)
    kinds = [one["kind"] for one in admin.get("/model-download/mine/timeline").json()["events"]]
    assert "done" in kinds


def test_a_failure_arrives_with_code_and_hint(hub: Hub, admin: TestClient) -> None:
    hub.add_repo("org/mine", {"a": b"a"}, gated=True)
    assert admin.post("/model-download/mine/start").status_code == 202
    wait_for(admin, "failed")
    error = status(admin)["error"]
    assert isinstance(error, dict)
    assert set(error) == {"code", "message", "hint", "retryable"}
    assert error["code"] == "gated_repository"


def test_downloads_that_are_disabled_say_the_exact_sentence(
    ada: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISABLE_MODEL_DOWNLOADS", "true")
    for action in ("start",):
        answer = ada.post(f"/model-download/jtp2/{action}")
        assert (answer.status_code, answer.json()["code"]) == (409, "downloads_disabled")
        assert answer.json()["detail"] == "Model downloads are disabled"


def test_a_queued_download_is_paused_resumed_and_cancelled(ada: TestClient) -> None:
    """No worker runs here, so that each state stays until the next call."""
    assert ada.post("/model-download/jtp2/pause").json()["code"] == "not_running"
    assert ada.post("/model-download/jtp2/start").json()["phase"] == "queued"
    assert ada.post("/model-download/jtp2/start").status_code == 202
    queue = ada.get("/model-download-queue-status").json()
    assert [one["model_id"] for one in queue["queued"]] == ["jtp2"]
    paused = ada.post("/model-download/jtp2/pause").json()
    assert (paused["status"], paused["phase"]) == ("downloading", "paused")
    queue = ada.get("/model-download-queue-status").json()
    assert [len(queue[name]) for name in ("running", "queued", "paused")] == [0, 0, 1]
    assert ada.post("/model-download/jtp2/resume").status_code == 202
    cancelled = ada.post("/model-download/jtp2/cancel", params={"keep": "false"})
    assert cancelled.json()["phase"] == "cancelled"
    assert cancelled.json()["status"] == "not_started"


def test_limits_change_at_once_and_by_field(ada: TestClient) -> None:
    path = "/model-download-settings"
    changed = ada.put(path, json={"max_concurrent": 3, "bandwidth_limit_bps": 1000}).json()
    assert (changed["max_concurrent"], changed["bandwidth_limit_bps"]) == (3, 1000)
    assert ada.put(path, json={}).json() == changed
    assert ada.put(path, json={"max_concurrent": 2}).json()["bandwidth_limit_bps"] == 1000
    for nothing in (None, 0):
        ada.put(path, json={"bandwidth_limit_bps": 1000})
        lifted = ada.put(path, json={"bandwidth_limit_bps": nothing}).json()
        assert (lifted["bandwidth_limit_bps"], lifted["max_concurrent"]) == (None, 2)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"max_concurrent": 0}, "max_concurrent"),
        ({"max_concurrent": 17}, "max_concurrent"),
        ({"max_concurrent": "many"}, "max_concurrent"),
        ({"bandwidth_limit_bps": -1}, "bandwidth_limit_bps"),
        ({"bandwidth_limit_bps": 10**30}, "bandwidth_limit_bps"),
    ],
)
def test_limits_that_cannot_be_are_refused(
    ada: TestClient, body: dict[str, object], field: str
) -> None:
    answer = ada.put("/model-download-settings", json=body)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_unknown_models_are_404(ada: TestClient) -> None:
    for name in ("none", "%00", "a%2Fb", "x" * 500):
        answer = ada.get(f"/model-download-status/{name}")
        assert answer.status_code == 404


def test_the_hub_is_searched_and_looked_at(hub: Hub, admin: TestClient) -> None:
    hub.add_repo("org/mine", {"model.safetensors": b"x" * 1000}, license="mit")
    found = admin.get("/hub/search", params={"q": "mine"}).json()["results"]
    assert [(one["repo_id"], one["in_registry"]) for one in found] == [("org/mine", True)]
    seen = admin.get("/hub/preflight/org/mine").json()
    assert (seen["size_bytes"], seen["license"], seen["gated"]) == (1000, "mit", False)
    assert (seen["token_accepted"], seen["fits"]) == (True, True)
    assert seen["left_bytes"] == seen["available_bytes"] - 1000


@pytest.mark.parametrize(
    ("path", "status_code", "code"),
    [
        ("/hub/search", 422, "invalid_request"),
        ("/hub/search?q=", 422, "invalid_request"),
        ("/hub/search?q=x&limit=0", 422, "invalid_request"),
        ("/hub/preflight/org/none", 404, "repository_not_found"),
        ("/hub/preflight/a/b/c", 422, "invalid_name"),
        ("/hub/preflight/org/mine?repo_type=movie", 422, "invalid_request"),
    ],
)
def test_what_the_hub_does_not_have_is_said(
    admin: TestClient, path: str, status_code: int, code: str
) -> None:
    answer = admin.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status_code, code)
