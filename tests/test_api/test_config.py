"""The configuration endpoints over the real API, service and store."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.test_services.config_kit import NAMES, safetensors, service
from yipyap_core.api.app import build_api
from yipyap_core.domain.users import Principal, Role
from yipyap_core.services import container
from yipyap_core.services.accounts.service import open_accounts
from yipyap_core.services.container import Services
from yipyap_core.settings import Settings
from yipyap_core.stores.engine import migrate, open_engine

PASSWORD = "correct horse staple"
JTP2 = "/captioner-config/jtp2"


def _services(folder: Path, variables: dict[str, str]) -> Services:
    settings = Settings(home=folder)
    engine = open_engine(settings.store_url)
    migrate(engine)
    accounts = open_accounts(settings, engine, rounds=4)
    accounts.create_first_administrator("alice", PASSWORD)
    alice = Principal("alice", "alice", Role.ADMIN)
    accounts.add_user(alice, "carol", "Carol", Role.ADMIN, PASSWORD)
    accounts.add_user(alice, "bob", "Bob", Role.USER, PASSWORD)
    parts: dict[str, Any] = {field.name: None for field in dataclasses.fields(Services)}
    parts |= {
        "settings": settings,
        "accounts": accounts,
        "configuration": service(folder, engine=engine, variables=variables),
    }
    return Services(**parts)


@pytest.fixture
def variables() -> dict[str, str]:
    return {}


@pytest.fixture
def services(tmp_path: Path, variables: dict[str, str]) -> Iterator[Services]:
    built = _services(tmp_path, variables)
    container.install(built)
    yield built
    container.uninstall()


def _client(services: Services, username: str) -> TestClient:
    user = services.accounts.authenticate(username, PASSWORD, "127.0.0.1")
    token = services.accounts.issue_token(user).access_token
    return TestClient(build_api(), headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def client(services: Services) -> TestClient:
    return _client(services, "alice")


def _problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code and body["hint"]
    return body


def test_one_configuration_before_anything_is_saved(client: TestClient) -> None:
    answer = client.get(JTP2)
    body = answer.json()
    assert answer.headers["etag"] == '"0"'
    assert body["name"] == "jtp2" and body["version"] == 0
    assert (
        body["config"]
        == body["defaults"]
        == {
            "threshold": 0.2,
            "force_cpu": False,
            "model_path": "",
            "tags_path": "",
        }
    )
    assert set(body["sources"].values()) == {"default"}
    assert body["schema"]["properties"]["threshold"]["maximum"] == 1
    assert body["schema"]["additionalProperties"] is False


def test_all_of_them(client: TestClient) -> None:
    body = client.get("/captioner-config").json()
    assert body["total"] == 9
    assert [one["name"] for one in body["configs"]] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_configuration_can_be_written_whole_and_read_back(
    client: TestClient, name: str
) -> None:
    before = client.get(f"/captioner-config/{name}").json()
    after = client.put(f"/captioner-config/{name}", json=before["config"]).json()
    assert after["version"] == 1 and after["config"] == before["config"]
    assert set(after["sources"].values()) == {"saved"}
    assert set(after) == set(before)


def test_a_partial_change(client: TestClient) -> None:
    answer = client.put(JTP2, json={"threshold": 0.4})
    assert answer.status_code == 200 and answer.headers["etag"] == '"1"'
    body = answer.json()
    assert (body["version"], body["config"]["threshold"]) == (1, 0.4)
    assert body["sources"] == {
        "threshold": "saved",
        "force_cpu": "default",
        "model_path": "default",
        "tags_path": "default",
    }
    assert body["updated_by"] == "alice" and body["updated_at"].endswith("Z")
    assert client.get(JTP2).json() == body


@pytest.mark.parametrize("version", ["0", '"0"', 'W/"0"', "*", ' "0" '])
def test_if_match_takes_the_version_bare_or_quoted(client: TestClient, version: str) -> None:
    answer = client.put(JTP2, json={"threshold": 0.4}, headers={"If-Match": version})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "version", ["0", '"0"', "2", "x", '"abc"', '"0", "1"', "99999999999999999"]
)
def test_a_version_that_is_not_the_newest(client: TestClient, version: str) -> None:
    client.put(JTP2, json={"threshold": 0.4})
    for method, path in (("PUT", JTP2), ("POST", f"{JTP2}/reset"), ("POST", f"{JTP2}/rollback/1")):
        answer = client.request(method, path, json={}, headers={"If-Match": version})
        _problem(answer, 412, "version_conflict")
    assert client.get(JTP2).json()["version"] == 1


def test_what_does_not_fit_is_named_field_by_field(client: TestClient) -> None:
    body = _problem(
        client.put(JTP2, json={"threshold": 2, "force_cpu": "yes", "colour": 1}),
        422,
        "config_invalid",
    )
    assert body["detail"] == "Failed to update config"
    assert [one["field"] for one in body["errors"]] == ["colour", "force_cpu", "threshold"]
    assert all(one["message"] for one in body["errors"])
    assert client.get(JTP2).json()["version"] == 0


@pytest.mark.parametrize("content", ["[]", "3", "null", '"x"', "{", "", '{"threshold": 1e999}'])
def test_bodies_that_are_no_settings(client: TestClient, content: str) -> None:
    answer = client.put(JTP2, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422 and answer.json()["errors"]
    assert client.get(JTP2).json()["version"] == 0


def test_a_number_that_is_none(client: TestClient) -> None:
    answer = client.put(
        JTP2, content='{"threshold": NaN}', headers={"Content-Type": "application/json"}
    )
    assert [one["field"] for one in answer.json()["errors"]] == ["threshold"]


def test_an_unknown_configuration(client: TestClient) -> None:
    for method, path in (("GET", ""), ("PUT", ""), ("POST", "/reset"), ("GET", "/history")):
        answer = client.request(method, f"/captioner-config/owl{path}", json={})
        _problem(answer, 404, "unknown_config")


def test_a_field_that_the_environment_holds(client: TestClient, variables: dict[str, str]) -> None:
    variables["YIPYAP_JTP2__THRESHOLD"] = "0.9"
    body = client.get(JTP2).json()
    assert body["config"]["threshold"] == 0.9 and body["sources"]["threshold"] == "environment"
    assert body["variables"] == {"threshold": "YIPYAP_JTP2__THRESHOLD"}
    problem = _problem(client.put(JTP2, json={"threshold": 0.1}), 409, "set_by_environment")
    assert "YIPYAP_JTP2__THRESHOLD" in problem["detail"]
    assert client.put(JTP2, json={"force_cpu": True}).status_code == 200


def test_reset_history_and_rollback(services: Services, client: TestClient) -> None:
    client.put(JTP2, json={"threshold": 0.4})
    _client(services, "carol").put(JTP2, json={"threshold": 0.5})
    assert client.post(f"{JTP2}/reset").json()["config"]["threshold"] == 0.2
    answer = client.post(f"{JTP2}/rollback/1")
    assert answer.json()["version"] == 4 and answer.headers["etag"] == '"4"'
    assert answer.json()["config"]["threshold"] == 0.4
    versions = client.get(f"{JTP2}/history").json()["versions"]
    assert [one["version"] for one in versions] == [4, 3, 2, 1]
    assert [one["actor"] for one in versions] == ["alice", "alice", "carol", "alice"]
    assert versions[2]["changes"] == {"threshold": [0.4, 0.5]}
    assert versions[0]["config"]["threshold"] == 0.4


@pytest.mark.parametrize("version", [0, 7, -1, 10**30])
def test_a_version_that_does_not_exist(client: TestClient, version: int) -> None:
    client.put(JTP2, json={})
    _problem(client.post(f"{JTP2}/rollback/{version}"), 404, "unknown_version")


def test_export_and_import(client: TestClient) -> None:
    client.put(JTP2, json={"threshold": 0.4})
    document = client.post("/config/export").json()
    assert document["format"] == 1 and document["configs"]["jtp2"] == {"threshold": 0.4}
    client.put(JTP2, json={"threshold": 0.6})
    preview = client.post("/config/import", params={"dry_run": "true"}, json=document).json()
    assert preview == {
        "applied": [{"name": "jtp2", "field": "threshold", "from": 0.6, "to": 0.4}],
        "skipped": [],
        "versions": {"jtp2": 3},
        "dry_run": True,
    }
    assert client.get(JTP2).json()["config"]["threshold"] == 0.6
    assert client.post("/config/import", json=document).json()["applied"] == preview["applied"]
    assert client.get(JTP2).json()["config"]["threshold"] == 0.4


def test_an_import_that_is_wrong_somewhere_changes_nothing(client: TestClient) -> None:
    document = {"format": 1, "configs": {"jtp2": {"threshold": 0.4}, "yolo": {"model_size": "q"}}}
    body = _problem(client.post("/config/import", json=document), 422, "config_invalid")
    assert [one["field"] for one in body["errors"]] == ["configs.yolo.model_size"]
    assert client.get(JTP2).json()["version"] == 0


def test_an_import_leaves_the_environment_s_fields_alone(
    client: TestClient, variables: dict[str, str]
) -> None:
    variables["YIPYAP_JTP2__THRESHOLD"] = "0.9"
    document = {"format": 1, "configs": {"jtp2": {"threshold": 0.4, "force_cpu": True}}}
    body = client.post("/config/import", json=document).json()
    assert [(one["name"], one["field"]) for one in body["skipped"]] == [("jtp2", "threshold")]
    assert [one["field"] for one in body["applied"]] == ["force_cpu"]


def test_a_path_outside_says_only_that(client: TestClient, tmp_path: Path) -> None:
    body = _problem(client.put(JTP2, json={"model_path": "/etc/shadow"}), 422, "config_invalid")
    (error,) = body["errors"]
    assert error["field"] == "model_path" and "allowed" in error["message"]
    assert "shadow" not in str(body) and str(tmp_path) not in str(body)
    path = safetensors(tmp_path / "models" / "a.safetensors")
    assert client.put(JTP2, json={"model_path": str(path)}).status_code == 200


def test_fifty_changes_at_once(client: TestClient) -> None:
    def put(number: int) -> int:
        value = number / 100
        return client.put(
            "/captioner-config/wdv3", json={"gen_threshold": value, "char_threshold": value}
        ).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(put, range(50))) == {200}
    versions = client.get("/captioner-config/wdv3/history").json()["versions"]
    assert [one["version"] for one in versions] == list(range(50, 0, -1))
    configs = [one["config"] for one in versions]
    assert all(one["gen_threshold"] == one["char_threshold"] for one in configs)


def test_only_administrators(services: Services) -> None:
    nobody, bob = TestClient(build_api()), _client(services, "bob")
    for method, path in (
        ("GET", "/captioner-config"),
        ("GET", JTP2),
        ("PUT", JTP2),
        ("POST", f"{JTP2}/reset"),
        ("GET", f"{JTP2}/history"),
        ("POST", f"{JTP2}/rollback/1"),
        ("POST", "/config/export"),
        ("POST", "/config/import"),
    ):
        assert nobody.request(method, path, json={}).status_code == 401
        assert bob.request(method, path, json={}).status_code == 403
