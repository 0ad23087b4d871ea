"""The machine and the figures for monitoring."""

from __future__ import annotations

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from tests.test_api.world import World


def test_the_machine_is_described(world: World, ada: TestClient) -> None:
    body = ada.get("/system/resources").json()
    assert set(body) == {"at", "cpu", "memory", "gpus", "gpu_reason", "volumes"}
    assert body["cpu"]["logical_cores"] >= 1
    assert (
        body["memory"]["used_bytes"] + body["memory"]["available_bytes"]
        == (body["memory"]["total_bytes"])
    )
    stores = {name for volume in body["volumes"] for name in volume["stores"]}
    assert stores == {"cache", "state"}
    assert str(world.people.settings.state_dir) not in ada.get("/system/resources").text


def samples(client: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = client.get("/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_figures_can_be_scraped(ada: TestClient) -> None:
    ada.get("/users")
    ada.get("/no/such/thing")
    ada.get("/model-download-status/jtp2")
    found = samples(ada)
    assert found["yipyap_models", (("status", "not_started"),)] == 19
    assert found["yipyap_downloads", (("state", "running"),)] == 0
    labels = (("method", "GET"), ("path", "/users"), ("status", "200"))
    assert found["yipyap_api_requests_total", labels] == 1
    labels = (("method", "GET"), ("path", "unmatched"), ("status", "404"))
    assert found["yipyap_api_requests_total", labels] == 1
    paths = {dict(key[1])["path"] for key in found if key[0] == "yipyap_api_requests_total"}
    assert "/model-download-status/{model_id}" in paths


def test_a_scrape_counts_nothing_twice(ada: TestClient) -> None:
    first, second = samples(ada), samples(ada)
    key = ("yipyap_models", (("status", "not_started"),))
    assert first[key] == second[key]
