"""The endpoints of the Hugging Face cache, over a real folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from huggingface_hub import scan_cache_dir, snapshot_download

from tests.standins.hub import Hub, Pattern, Stall
from tests.test_api.jobs import until, working
from tests.test_api.world import World, open_world
from tests.test_clients.caches import RepoMaker, commit_id, content_bytes, picture


@pytest.fixture
def empty_world(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A server before a hub of its own."""
    hub.add_repo("org/live", {"model.safetensors": Pattern(4_000_000)})
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("YIPYAP_DISK_RESERVE_BYTES", "0")
    with open_world() as world:
        yield world


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    path = tmp_path / "hf" / "hub"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def repo(cache_dir: Path) -> RepoMaker:
    """Two revisions that share a file, and a partial file."""
    repo = RepoMaker(cache_dir)
    repo.commit({"a.bin": b"1" * 100, "same.bin": b"2" * 200}, refs=())
    repo.commit({"a.bin": b"3" * 300, "same.bin": b"2" * 200})
    repo.hub_partial(40)
    return repo


@pytest.mark.usefixtures("repo")
def test_info_has_the_fields_of_the_contract(ada: TestClient, cache_dir: Path) -> None:
    RepoMaker(cache_dir, "org/data", "dataset").commit({"t.bin": b"5" * 50})

    body = ada.get("/hf-cache/info").json()

    assert (body["cache_dir"], body["source"]) == (str(cache_dir), "HF_HOME")
    assert (body["total_size_bytes"], body["partial_bytes"]) == (650, 40)
    assert (body["model_count"], body["repo_count"]) == (1, 2)
    assert body["disk"]["total_bytes"] >= body["disk"]["free_bytes"] > 0
    assert body["warnings"] == []
    found = {one["repo_id"]: one for one in body["models"]}
    assert sum(one["size_bytes"] for one in body["models"]) == body["total_size_bytes"]
    model = found["org/name"]
    assert (model["repo_type"], model["nb_files"]) == ("model", 3)
    assert (model["in_registry"], model["in_use"]) == (False, False)
    assert {tuple(one["refs"]) for one in model["revisions"]} == {(), ("main",)}
    assert {(one["size_bytes"], one["nb_files"]) for one in model["revisions"]} == {
        (300, 2),
        (500, 2),
    }
    assert model["last_accessed"].endswith("Z")


def test_an_absent_cache_is_empty(ada: TestClient) -> None:
    body = ada.get("/hf-cache/info").json()

    assert (body["exists"], body["total_size_bytes"], body["models"]) == (False, 0, [])


def test_a_registered_repository_is_marked(ada: TestClient, cache_dir: Path) -> None:
    spec = ada.get("/model-registry").json()["models"][0]
    RepoMaker(cache_dir, spec["repo_id"]).commit({"x.bin": b"1"})

    [model] = ada.get("/hf-cache/info").json()["models"]

    assert model["in_registry"]
    assert spec["id"] in model["registry_ids"]


@pytest.mark.parametrize("body", [{}, {"confirm": False}, {"confirm": "yes"}, {"confirm": 1}])
@pytest.mark.usefixtures("repo")
def test_clear_without_confirmation_deletes_nothing(
    ada: TestClient, cache_dir: Path, body: dict[str, Any]
) -> None:
    before = picture(cache_dir)

    answer = ada.post("/hf-cache/clear", json=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["field"] for one in answer.json()["errors"]] == ["confirm"]
    assert picture(cache_dir) == before


@pytest.mark.usefixtures("repo")
def test_clear_without_a_body_deletes_nothing(ada: TestClient, cache_dir: Path) -> None:
    assert ada.post("/hf-cache/clear").status_code == 422
    assert content_bytes(cache_dir) == 640


@pytest.mark.usefixtures("repo")
def test_clear_puts_everything_into_the_trash(ada: TestClient, cache_dir: Path) -> None:
    before = picture(cache_dir)

    body = ada.post("/hf-cache/clear", json={"confirm": True}).json()

    assert (body["freed_bytes"], body["freed_now_bytes"], body["trashed"]) == (640, 0, True)
    assert (body["deleted"], body["kept"]) == (["org/name"], [])
    assert not scan_cache_dir(cache_dir).repos
    [entry] = ada.get("/hf-cache/trash").json()["entries"]
    assert (entry["id"], entry["bytes"], entry["actor"]) == (body["trash_id"], 640, "ada")

    restored = ada.post(f"/hf-cache/trash/{entry['id']}/restore").json()

    assert (restored["superseded"], restored["lost"]) == ([], [])
    assert picture(cache_dir) == before
    assert ada.get("/hf-cache/trash").json() == {"total_bytes": 0, "entries": []}


@pytest.mark.usefixtures("repo")
def test_clear_with_purge_frees_at_once(ada: TestClient, cache_dir: Path) -> None:
    body = ada.post("/hf-cache/clear", json={"confirm": True, "purge": True}).json()

    assert (body["freed_bytes"], body["freed_now_bytes"], body["trashed"]) == (640, 640, False)
    assert content_bytes(cache_dir, trash=True) == 0


@pytest.mark.usefixtures("repo")
def test_a_dry_run_is_a_plan_that_can_be_executed(ada: TestClient, cache_dir: Path) -> None:
    plan = ada.post("/hf-cache/clear", json={"dry_run": True}).json()

    assert content_bytes(cache_dir) == 640
    assert (plan["freed_bytes"], plan["freed_now_bytes"]) == (640, 0)
    [item] = plan["items"]
    assert (item["repo_id"], item["bytes"], item["in_use"]) == ("org/name", 640, False)
    assert len(item["revisions"]) == 2
    assert ada.get(f"/hf-cache/plans/{plan['plan_id']}").json() == plan

    body = {"confirm": True, "plan_id": plan["plan_id"]}
    assert ada.post("/hf-cache/clear", json=body).json()["freed_bytes"] == 640


@pytest.mark.usefixtures("repo")
def test_a_plan_is_executed_only_where_it_was_made_for(ada: TestClient, cache_dir: Path) -> None:
    RepoMaker(cache_dir, "org/other").commit({"n.bin": b"9" * 90})
    model = {"id": "mine", "repo_id": "org/other"}
    assert ada.post("/model-registry", json=model).status_code == 201
    everything = ada.post("/hf-cache/clear", json={"dry_run": True}).json()["plan_id"]
    other = ada.delete("/hf-cache/models/org/other", params={"dry_run": True}).json()["plan_id"]
    before = picture(cache_dir)

    answers = [
        ada.delete("/hf-cache/models/org/name", params={"plan_id": everything}),
        ada.delete("/hf-cache/models/org/name", params={"plan_id": other}),
        ada.delete("/hf-cache/models/org/other", params={"plan_id": other, "revision": "main"}),
        ada.post("/hf-cache/prune", json={"plan_id": everything}),
        ada.post("/hf-cache/clear", json={"plan_id": other, "confirm": True}),
        ada.delete("/model-download/mine", params={"plan_id": everything}),
    ]

    assert [one.status_code for one in answers] == [422] * len(answers)
    assert {one.json()["errors"][0]["field"] for one in answers} == {"plan_id"}
    assert picture(cache_dir) == before
    path = "/hf-cache/models/org/other"
    assert ada.delete(path, params={"plan_id": other}).json()["deleted"] == ["org/other"]


@pytest.mark.parametrize("asked", [None, False, True])
@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.usefixtures("repo")
def test_a_plan_is_purged_as_it_was_made_unless_it_is_said_anew(
    ada: TestClient, cache_dir: Path, planned: bool, asked: bool | None
) -> None:
    plan = ada.post("/hf-cache/clear", json={"dry_run": True, "purge": planned}).json()
    body = {"confirm": True, "plan_id": plan["plan_id"]}
    if asked is not None:
        body["purge"] = asked

    done = ada.post("/hf-cache/clear", json=body).json()

    purges = planned if asked is None else asked
    assert plan["freed_now_bytes"] == (640 if planned else 0)
    assert (done["freed_now_bytes"], done["trashed"]) == (640 if purges else 0, not purges)
    assert content_bytes(cache_dir, trash=True) == (0 if purges else 640)


@pytest.mark.usefixtures("repo")
def test_a_stale_plan_is_409_with_a_new_plan(ada: TestClient, cache_dir: Path) -> None:
    plan = ada.post("/hf-cache/clear", json={"dry_run": True}).json()
    RepoMaker(cache_dir, "org/newer").commit({"n.bin": b"9" * 90})

    answer = ada.post(f"/hf-cache/plans/{plan['plan_id']}/execute", json={})

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "stale_plan"
    assert problem["plan"]["freed_bytes"] == 730
    assert content_bytes(cache_dir) == 730
    again = ada.post(f"/hf-cache/plans/{problem['plan']['plan_id']}/execute", json={})
    assert again.json()["freed_bytes"] == 730


@pytest.mark.usefixtures("repo")
def test_a_revision_is_removed_alone(ada: TestClient, cache_dir: Path) -> None:
    path = "/hf-cache/models/org/name"
    plan = ada.delete(path, params={"revision": "main", "dry_run": True}).json()
    body = ada.delete(path, params={"revision": "main"}).json()

    assert plan["freed_bytes"] == body["freed_bytes"] == 300
    assert len(plan["items"][0]["shared_with"]) == 1
    assert content_bytes(cache_dir) == 340
    assert not scan_cache_dir(cache_dir).warnings


def test_a_repository_of_another_type_is_named_by_it(ada: TestClient, cache_dir: Path) -> None:
    RepoMaker(cache_dir, "org/data", "dataset").commit({"t.bin": b"5" * 50})
    path = "/hf-cache/models/org/data"

    assert ada.delete(path).status_code == 404
    assert ada.delete(path, params={"repo_type": "dataset"}).json()["freed_bytes"] == 50


@pytest.mark.parametrize(
    "path",
    [
        "/hf-cache/models/org/none",
        "/hf-cache/models/../../etc/passwd",
        "/hf-cache/models/%2e%2e%2fetc",
        "/hf-cache/models/models--org--name",
        f"/hf-cache/models/org/name?revision={commit_id('none')}",
        "/hf-cache/models/org/name?revision=../../x",
    ],
)
@pytest.mark.usefixtures("repo")
def test_unknown_names_are_404_and_touch_nothing(
    ada: TestClient, cache_dir: Path, path: str
) -> None:
    before = picture(cache_dir)

    answer = ada.delete(path)

    assert answer.status_code == 404
    assert picture(cache_dir) == before


@pytest.mark.usefixtures("repo")
def test_prune_takes_partials_and_detached_revisions(ada: TestClient, cache_dir: Path) -> None:
    plan = ada.post("/hf-cache/prune", json={"dry_run": True}).json()
    body = ada.post("/hf-cache/prune", json={}).json()

    assert plan["freed_bytes"] == body["freed_bytes"] == 140
    assert content_bytes(cache_dir) == 500


@pytest.mark.usefixtures("repo")
def test_reclaim_ranks_and_becomes_one_plan(ada: TestClient, cache_dir: Path) -> None:
    twins = {"model.safetensors": b"s" * 70, "pytorch_model.bin": b"p" * 80}
    RepoMaker(cache_dir, "org/twins").commit(twins)

    found = ada.get("/hf-cache/reclaim").json()["suggestions"]
    ids = [one["id"] for one in found]
    plan = ada.post("/hf-cache/reclaim", json={"suggestions": ids}).json()
    done = ada.post(f"/hf-cache/plans/{plan['plan_id']}/execute", json={"purge": True}).json()

    assert [(one["kind"], one["bytes"]) for one in found] == [
        ("partial", 40),
        ("detached", 100),
        ("pickle_twin", 80),
    ]
    assert plan["freed_bytes"] == done["freed_now_bytes"] == 220
    assert not scan_cache_dir(cache_dir).warnings


def verified(ada: TestClient) -> dict[str, Any]:
    """A check of org/name that has ended."""
    started = ada.post("/hf-cache/verify", json={"repo_id": "org/name"})
    assert started.status_code == 202
    address = f"/hf-cache/verify/{started.json()['verify_id']}"
    until(lambda: bool(ada.get(address).json()["finished"]))
    found: dict[str, Any] = ada.get(address).json()
    return found


def test_verify_lists_what_is_damaged_and_repair_fetches_just_that(
    world: World, ada: TestClient, hub: Hub, cache_dir: Path
) -> None:
    commit = hub.add_repo("org/name", {"a.bin": b"3" * 3000, "same.bin": b"2" * 200})
    snapshot_download("org/name", cache_dir=cache_dir, endpoint=hub.endpoint)
    blob = (cache_dir / "models--org--name" / "snapshots" / commit / "a.bin").resolve()
    blob.write_bytes(b"4" * 3000)
    with working(world):
        found = verified(ada)
        answer = ada.post(f"/hf-cache/verify/{found['verify_id']}/repair")
        [begun] = answer.json()["repairs"]
        address = f"/hf-cache/repairs/{begun['repair_id']}"
        until(lambda: ada.get(address).json()["phase"] == "done")
        [ended] = ada.get(f"/hf-cache/repairs?verify_id={found['verify_id']}").json()["repairs"]

    assert (found["checked_files"], found["checked_bytes"]) == (2, 3200)
    [damaged] = found["mismatches"]
    assert (damaged["path"], damaged["kind"], damaged["expected"], damaged["reason"]) == (
        "a.bin",
        "content",
        blob.name,
        None,
    )
    assert answer.status_code == 202
    assert (begun["repo_id"], begun["commit"], begun["files"]) == ("org/name", commit, ["a.bin"])
    assert (begun["removed_files"], begun["trash_id"], begun["by_hand"]) == (0, None, None)
    assert (ended["status"], ended["bytes_done"], ended["problem"]) == ("completed", 3000, None)
    assert blob.read_bytes() == b"3" * 3000
    assert ada.get("/hf-cache/verify").json()["checks"][0]["finished"]


def test_a_repair_that_fails_says_why_and_what_to_do(
    world: World, ada: TestClient, repo: RepoMaker
) -> None:
    blob = repo.blob(b"3" * 300)
    blob.write_bytes(b"4" * 300)
    with working(world):
        verify_id = verified(ada)["verify_id"]
        [begun] = ada.post(f"/hf-cache/verify/{verify_id}/repair").json()["repairs"]
        address = f"/hf-cache/repairs/{begun['repair_id']}"
        until(lambda: ada.get(address).json()["status"] == "failed")
        ended = ada.get(address).json()
        cancelled = ada.post(f"{address}/cancel").json()

    assert ended["error"]["code"] == "repository_not_found"
    assert ended["error"]["hint"]
    assert (ended["files"], ended["problem"]) == (["a.bin"], ended["error"]["message"])
    assert ended["by_hand"].startswith("hf download org/name a.bin --revision ")
    assert blob.read_bytes() == b"4" * 300
    assert (cancelled["phase"], cancelled["problem"]) == ("cancelled", None)


def test_nothing_is_repaired_where_downloads_are_disabled(
    world: World, ada: TestClient, repo: RepoMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.blob(b"3" * 300).write_bytes(b"4" * 300)
    with working(world):
        verify_id = verified(ada)["verify_id"]
        monkeypatch.setenv("DISABLE_MODEL_DOWNLOADS", "true")
        answer = ada.post(f"/hf-cache/verify/{verify_id}/repair")

    assert (answer.status_code, answer.json()["code"]) == (409, "downloads_disabled")
    assert ada.get("/hf-cache/repairs").json() == {"repairs": []}


@pytest.mark.usefixtures("cache_dir")
def test_the_doctor_answers(ada: TestClient) -> None:
    findings = ada.get("/hf-cache/doctor").json()["findings"]

    assert {"question", "health", "answer", "fix"} == set(findings[0])
    assert {one["health"] for one in findings} <= {"good", "note"}


@pytest.mark.usefixtures("repo")
def test_nothing_of_a_plan_is_a_path(ada: TestClient, cache_dir: Path) -> None:
    plan = ada.post("/hf-cache/clear", json={"dry_run": True})

    assert str(cache_dir) not in plan.text


def test_what_is_being_downloaded_is_kept_and_goes_on(
    world: World, ada: TestClient, hub: Hub, repo: RepoMaker, cache_dir: Path
) -> None:
    spec = {"id": "mine", "repo_id": "org/live"}
    assert ada.post("/model-registry", json=spec).status_code == 201
    stall = hub.inject(Stall(after_bytes=3_000_000), path="*.safetensors")
    status = "/model-download-status/mine"
    with working(world):
        ada.post("/model-download/mine/start")
        until(lambda: ada.get(status).json()["bytes_done"] > 0)
        cleared = ada.post("/hf-cache/clear", json={"confirm": True}).json()
        refused = ada.delete("/hf-cache/models/org/live")
        stall.release()
        until(lambda: ada.get(status).json()["status"] == "completed")

    assert cleared["deleted"] == [repo.repo_id]
    assert cleared["kept"] == [
        {"repo_id": "org/live", "repo_type": "model", "reason": "mine is being downloaded"}
    ]
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert not scan_cache_dir(cache_dir).warnings
