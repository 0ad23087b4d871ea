"""The registry over HTTP: whole, fast to ask again, and open to further models."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

FIELDS = {
    "id",
    "name",
    "family",
    "type",
    "description",
    "repo_id",
    "repo_type",
    "revision",
    "resolved_commit",
    "allow_patterns",
    "ignore_patterns",
    "size_bytes",
    "license",
    "gated",
    "status",
}
IDS = (
    "jtp2 wdv3-vit wdv3-swinv2 wdv3-convnext wdv3-convnextv2 florence2-base florence2-base-ft"
    " florence2-large florence2-large-ft joycaption yolo-n yolo-s yolo-m yolo-l yolo-x"
    " watermark-yolo watermark-owlv2 dreamon llada"
)


def test_every_model_of_the_contract_is_there(ada: TestClient) -> None:
    body = ada.get("/model-registry").json()
    assert body["total"] == len(body["models"])
    assert {one["id"] for one in body["models"]} == set(IDS.split())
    for model in body["models"]:
        assert set(model) >= FIELDS
        assert model["status"] == ada.get(f"/model-download-status/{model['id']}").json()
        assert model["status"]["status"] == "not_started"
        assert model["type"] in {"caption_generator", "diffusion_lm", "detection"}
        assert model["size_bytes"] > 0
        assert model["size_is_estimate"] is True


def test_asking_again_costs_nothing_until_something_changes(ada: TestClient) -> None:
    first = ada.get("/model-registry")
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for given in (etag, f'"other", {etag}', etag.removeprefix("W/")):
        again = ada.get("/model-registry", headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert ada.get("/model-registry", headers={"If-None-Match": '"other"'}).status_code == 200
    ada.post("/model-registry", json={"id": "mine", "repo_id": "org/mine"})
    changed = ada.get("/model-registry", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
    assert changed.json()["total"] == first.json()["total"] + 1


def test_the_answer_is_compressed_for_those_who_take_it(ada: TestClient) -> None:
    plain = ada.get("/model-registry", headers={"Accept-Encoding": "identity"})
    small = ada.get("/model-registry", headers={"Accept-Encoding": "br, gzip"})
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"]) / 4
    assert small.content == plain.content
    assert small.headers["vary"] == "Accept-Encoding"


def test_what_is_disabled_shows_at_once(ada: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    etag = ada.get("/model-registry").headers["etag"]
    monkeypatch.setenv("DISABLE_MODEL_DOWNLOADS", "1")
    answer = ada.get("/model-registry", headers={"If-None-Match": etag})
    assert {one["status"]["status"] for one in answer.json()["models"]} == {"disabled"}


def test_a_model_is_added_and_forgotten(ada: TestClient) -> None:
    body = {
        "id": "mine",
        "name": "Mine",
        "repo_id": "org/mine",
        "repo_type": "dataset",
        "revision": "v1",
        "allow_patterns": ["*.json"],
        "ignore_patterns": ["x/*"],
    }
    made = ada.post("/model-registry", json=body)
    assert made.status_code == 201
    assert body.items() <= made.json().items()
    assert made.json()["type"] == "files"
    assert made.json()["status"]["status"] == "not_started"
    again = ada.post("/model-registry", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "model_exists")
    assert ada.delete("/model-registry/mine").status_code == 204
    assert ada.delete("/model-registry/mine").json()["code"] == "unknown_model"


def test_models_of_the_product_cannot_be_forgotten(ada: TestClient) -> None:
    assert ada.delete("/model-registry/jtp2").status_code == 409


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "A b"}, "id"),
        ({"id": "../x"}, "id"),
        ({"repo_id": "a/b/c"}, "repo_id"),
        ({"repo_id": "../../etc"}, "repo_id"),
        ({"revision": "../x"}, "revision"),
        ({"repo_type": "movie"}, "repo_type"),
        ({"family": "none"}, "family"),
        ({"allow_patterns": [1]}, "allow_patterns.0"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_does_not_fit_is_named(ada: TestClient, change: dict[str, object], field: str) -> None:
    answer = ada.post("/model-registry", json={"id": "mine", "repo_id": "org/mine", **change})
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_what_was_undone_has_the_name_of_before(ada: TestClient) -> None:
    before = ada.get("/model-registry").headers["etag"]
    ada.post("/model-registry", json={"id": "mine", "repo_id": "org/mine"})
    after = ada.get("/model-registry").headers["etag"]
    ada.delete("/model-registry/mine")
    assert before != after
    assert ada.get("/model-registry").headers["etag"] == before
