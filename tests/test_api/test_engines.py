"""Captions, detections and engines over HTTP, with real workers behind."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.test_api.world import World
from tests.test_engines.pictures import bomb, encoded, rgb
from tests.test_services.engine_kit import rigged
from yipyap_core.api.edge import MAX_UPLOAD_BYTES
from yipyap_core.services import container

PNG = encoded(rgb(80, 50))


@pytest.fixture
def ada(world: World, tmp_path: Path) -> Iterator[TestClient]:
    """An administrator, with one tagger in the cache."""
    (tmp_path / "rig").mkdir()
    with rigged(tmp_path / "rig") as rig:
        rig.put("wdv3-vit")
        container.install(dataclasses.replace(container.current(), engines=rig.service))
        yield world.client(world.people.bearer("ada"))


def post(client: TestClient, path: str, *pictures: bytes, **fields: Any) -> Any:
    files = [("image", (f"{at}.png", data, "image/png")) for at, data in enumerate(pictures)]
    form = {name: json.dumps(value) for name, value in fields.items()}
    return client.post(path, files=files, data=form)


def frames(answer: Any) -> list[dict[str, Any]]:
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line]


def test_a_caption_has_every_field_of_the_contract(ada: TestClient) -> None:
    body = post(ada, "/caption/wdv3", PNG).json()
    assert body["generator"] == "wdv3"
    assert body["caption_type"] == "tags"
    assert body["model_id"] == "wdv3-vit"
    assert body["device"] == "cpu"
    assert body["provider"] == "CPUExecutionProvider"
    assert body["processing_seconds"] > 0
    assert body["caption"] == ", ".join(tag["name"] for tag in body["tags"])
    assert set(body["tags"][0]) == {"name", "score", "category"}


def test_a_draft_is_tried_without_saving(ada: TestClient) -> None:
    config = {"gen_threshold": 1.0, "char_threshold": 1.0}
    assert post(ada, "/caption/wdv3", PNG, config=config).json()["tags"] == []
    assert post(ada, "/caption/wdv3", PNG).json()["tags"] != []


def test_several_pictures_are_streamed_and_one_bad_spares_the_others(ada: TestClient) -> None:
    found = frames(post(ada, "/caption/wdv3", PNG, b"no picture", PNG))
    kinds = {one.get("index"): one["type"] for one in found}
    assert kinds == {0: "result", 1: "error", 2: "result", None: "complete"}
    assert found[-1] == {"type": "complete", "count": 3}
    (error,) = [one for one in found if one["type"] == "error"]
    assert error["code"] == "image_rejected"


def test_one_picture_is_streamed_on_demand(ada: TestClient) -> None:
    assert frames(post(ada, "/caption/wdv3", PNG, stream=True))[0]["type"] == "result"


@pytest.mark.parametrize("data", [b"", b"no picture", bomb(60_000, 60_000)])
def test_what_is_no_picture_is_a_problem_of_the_field(ada: TestClient, data: bytes) -> None:
    answer = post(ada, "/caption/wdv3", data)
    assert answer.status_code == 422
    assert answer.json()["code"] == "image_rejected"
    assert answer.json()["errors"][0]["field"] == "image"


@pytest.mark.parametrize(
    ("path", "fields", "status", "code"),
    [
        ("/caption/jtp2", {}, 409, "not_downloaded"),
        ("/caption/nothing", {}, 404, "unknown_engine"),
        ("/caption/yolo", {}, 404, "unknown_engine"),
        ("/detect/wdv3", {}, 404, "unknown_engine"),
        ("/detect/yolo", {}, 409, "not_downloaded"),
        ("/caption/wdv3", {"config": {"gen_threshold": 7}}, 422, "invalid_request"),
        ("/caption/wdv3", {"config": [1]}, 422, "invalid_request"),
        ("/caption/wdv3", {"params": "x"}, 422, "invalid_request"),
        ("/caption/wdv3", {"timeout_seconds": 0}, 422, "invalid_request"),
    ],
)
def test_refusals(
    ada: TestClient, path: str, fields: dict[str, Any], status: int, code: str
) -> None:
    answer = post(ada, path, PNG, **fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_picture_over_the_limit_is_refused_by_its_length(ada: TestClient) -> None:
    answer = post(ada, "/caption/wdv3", bytes(MAX_UPLOAD_BYTES + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_the_limits_in_force_are_told(ada: TestClient) -> None:
    limits = ada.get("/engines").json()["limits"]
    assert limits["ram_budget_bytes"] > 0
    assert limits["queue_limit"] == 64
    assert limits["checks_downloads"] is False


def test_too_many_pictures_are_refused(ada: TestClient) -> None:
    assert post(ada, "/caption/wdv3", *[PNG] * 65).status_code == 422


def test_engines_are_listed_loaded_pinned_checked_and_unloaded(ada: TestClient) -> None:
    listed = {one["model_id"]: one for one in ada.get("/engines").json()["engines"]}
    assert listed["wdv3-vit"]["state"] == "unloaded"
    assert listed["wdv3-vit"]["worker"] is None
    loaded = ada.post("/engines/wdv3-vit/load").json()
    assert loaded["state"] == "ready"
    assert loaded["worker"]["memory_bytes"] > 10_000_000
    assert loaded["worker"]["phase"] == "done"
    pinned = ada.post("/engines/wdv3-vit/pin", json={"pinned": True}).json()
    assert pinned["worker"]["pinned"] is True
    assert ada.post("/engines/wdv3-vit/canary").json()["ok"] is True
    assert ada.get("/engines/wdv3-vit").json()["canary"]["ok"] is True
    assert ada.post("/engines/wdv3-vit/unload").json()["state"] == "unloaded"
    assert ada.post("/engines/jtp2/load").json()["code"] == "not_downloaded"


def test_members_may_not_run_models_while_that_is_closed(ada: TestClient, eve: TestClient) -> None:
    assert ada is not eve
    assert post(eve, "/caption/wdv3", PNG).status_code == 403
