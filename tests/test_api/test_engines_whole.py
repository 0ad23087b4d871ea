"""From the hub to an answer: a model is downloaded, loaded, asked, protected and unloaded."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.standins.hub import Hub
from tests.standins.tiny_models import files_of
from tests.standins.waiting import wait_until
from tests.test_api.world import World, open_world, populate
from tests.test_engines.pictures import encoded, rgb

PNG = encoded(rgb(80, 50))
REPO = "SmilingWolf/wd-vit-tagger-v3"


@pytest.fixture
def whole(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The server as it is built, with a hub that has one tagger."""
    hub.add_repo(REPO, files_of("wdv3-vit"))
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    with open_world() as world:
        populate(world)
        world.application.start()
        try:
            yield world
        finally:
            world.application.stop()


def test_a_downloaded_model_answers_and_its_files_are_protected(whole: World) -> None:
    client = whole.client(whole.people.bearer("ada"))
    picture = {"image": ("a.png", PNG, "image/png")}
    early = client.post("/caption/wdv3", files=picture)
    assert early.json()["code"] == "not_downloaded"
    client.post("/model-download/wdv3-vit/start")

    def is_complete() -> bool:
        status = client.get("/model-download-status/wdv3-vit").json()
        return bool(status["status"] == "completed")

    wait_until(is_complete, timeout_seconds=60, last=list)
    config = json.dumps({"gen_threshold": 0.0})
    answer = client.post("/caption/wdv3", files=picture, data={"config": config}).json()
    assert len([tag for tag in answer["tags"] if tag["category"] == "general"]) == 12
    kept = client.post("/hf-cache/clear", json={"confirm": True}).json()["kept"]
    assert [one["repo_id"] for one in kept] == [REPO]
    assert client.post("/engines/wdv3-vit/unload").json()["state"] == "unloaded"
