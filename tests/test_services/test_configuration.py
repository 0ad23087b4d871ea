"""Settings: partial changes, versions, origins, history, and who may."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.test_families.building import ADA, BOB, EVE, documents, opened
from tests.test_services.config_kit import NAMES, Events, service
from yipyap_core.domain.configs import ConfigAction
from yipyap_core.errors import (
    ConfigInvalid,
    Forbidden,
    NotFound,
    PreconditionFailed,
    SetByEnvironment,
)
from yipyap_core.families import find_configs
from yipyap_core.families.base import FamilyConfig
from yipyap_core.services.configuration.history import entries
from yipyap_core.services.configuration.service import ConfigurationService
from yipyap_core.stores.configs import ConfigStore

every_name = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return opened(tmp_path)


@pytest.fixture
def variables() -> dict[str, str]:
    return {}


@pytest.fixture
def configuration(
    tmp_path: Path, engine: sa.Engine, variables: dict[str, str]
) -> ConfigurationService:
    return service(tmp_path, engine=engine, variables=variables)


@every_name
def test_before_anything_is_saved(configuration: ConfigurationService, name: str) -> None:
    view = configuration.get(ADA, name)
    assert view.version == 0
    assert view.config == view.defaults
    assert set(view.sources.values()) == {"default"}
    assert set(view.schema["properties"]) == set(view.config)
    assert (view.updated_at, view.updated_by, view.problems) == (None, None, {})
    assert configuration.history(ADA, name) == ()


def test_a_change_of_one_field_leaves_the_others(configuration: ConfigurationService) -> None:
    configuration.update(ADA, "jtp2", {"threshold": 0.4})
    view = configuration.update(BOB, "jtp2", {"force_cpu": True})
    assert view.version == 2
    assert view.config == {"threshold": 0.4, "force_cpu": True, "model_path": "", "tags_path": ""}
    assert dict(view.sources) == {
        "threshold": "saved",
        "force_cpu": "saved",
        "model_path": "default",
        "tags_path": "default",
    }
    assert view.updated_by == "bob"
    assert configuration.get(ADA, "jtp2") == view


@every_name
@given(data=st.data())
def test_what_is_saved_is_read_back(
    configuration: ConfigurationService, name: str, data: st.DataObject
) -> None:
    document = data.draw(documents(configuration.declaration(name).config))
    before = configuration.get(ADA, name)
    try:
        after = configuration.update(ADA, name, document)
    except ConfigInvalid:
        assert configuration.get(ADA, name) == before
        return
    assert after.version == before.version + 1
    assert after.config == {**before.config, **document}
    assert all(after.sources[field] == "saved" for field in document)


def test_a_change_without_fields_is_a_version_too(configuration: ConfigurationService) -> None:
    assert configuration.update(ADA, "yolo", {}).version == 1


def test_a_value_that_is_refused_saves_nothing(configuration: ConfigurationService) -> None:
    wrong = {"threshold": 1.5, "force_cpu": "yes", "colour": "red"}
    with pytest.raises(ConfigInvalid) as caught:
        configuration.update(ADA, "jtp2", wrong)
    assert caught.value.message == "Failed to update config"
    assert set(caught.value.fields) == set(wrong)
    assert caught.value.fields["threshold"] == "Must be less than or equal to 1."
    assert caught.value.fields["colour"] == "There is no such setting."
    assert configuration.get(ADA, "jtp2").version == 0


def test_values_that_do_not_fit_together_are_refused(configuration: ConfigurationService) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        configuration.update(ADA, "llada", {"gen_length": 100, "block_length": 32})
    assert list(caught.value.fields) == ["gen_length"]
    configuration.update(ADA, "llada", {"gen_length": 256, "block_length": 32, "steps": 64})


def test_an_unknown_configuration_is_not_found(configuration: ConfigurationService) -> None:
    ways: list[Callable[[], object]] = [
        lambda: configuration.get(ADA, "owl"),
        lambda: configuration.update(ADA, "owl", {}),
        lambda: configuration.reset(ADA, "owl"),
        lambda: configuration.rollback(ADA, "owl", 1),
        lambda: configuration.history(ADA, "owl"),
        lambda: configuration.current("owl"),
    ]
    for way in ways:
        with pytest.raises(NotFound) as caught:
            way()
        assert caught.value.code == "unknown_config"


def test_a_version_that_is_not_the_newest_is_refused(configuration: ConfigurationService) -> None:
    configuration.update(ADA, "yolo", {"model_size": "s"}, expected_version=0)
    configuration.update(BOB, "yolo", {"model_size": "m"}, expected_version=1)
    with pytest.raises(PreconditionFailed, match=r"version 2 now, saved by bob.*version 1"):
        configuration.update(ADA, "yolo", {"iou_threshold": 0.5}, expected_version=1)
    assert configuration.get(ADA, "yolo").version == 2


def test_history_says_who_what_from_and_to(configuration: ConfigurationService) -> None:
    configuration.update(ADA, "wdv3", {"model_name": "swinv2", "gen_threshold": 0.4})
    configuration.update(BOB, "wdv3", {"gen_threshold": 0.5})
    configuration.reset(ADA, "wdv3")
    reset, second, first = configuration.history(ADA, "wdv3")
    assert [one.version for one in (first, second, reset)] == [1, 2, 3]
    assert first.actor == "ada" and first.changes == {
        "model_name": ("vit", "swinv2"),
        "gen_threshold": (0.35, 0.4),
    }
    assert second.actor == "bob" and second.changes == {"gen_threshold": (0.4, 0.5)}
    assert second.config["model_name"] == "swinv2"
    assert reset.action is ConfigAction.RESET and reset.changes["gen_threshold"] == (0.5, 0.35)
    assert first.at <= second.at <= reset.at


def test_rollback_is_a_new_version(configuration: ConfigurationService) -> None:
    configuration.update(ADA, "wdv3", {"gen_threshold": 0.4})
    configuration.update(ADA, "wdv3", {"gen_threshold": 0.5, "force_cpu": True})
    view = configuration.rollback(BOB, "wdv3", 1)
    assert view.version == 3
    assert view.config["gen_threshold"] == 0.4
    assert view.sources["force_cpu"] == "default", "what was not saved then follows the default"
    assert configuration.history(ADA, "wdv3")[0].action is ConfigAction.ROLLBACK
    with pytest.raises(NotFound, match="no version 9"):
        configuration.rollback(ADA, "wdv3", 9)
    with pytest.raises(PreconditionFailed):
        configuration.rollback(ADA, "wdv3", 1, expected_version=2)


def test_a_changed_default_reaches_only_what_nobody_saved(
    tmp_path: Path, engine: sa.Engine
) -> None:
    service(tmp_path, engine=engine).update(ADA, "yolo", {"confidence_threshold": 0.25})

    class Later(FamilyConfig):
        model_size: str = "n"
        confidence_threshold: float = 0.9
        iou_threshold: float = 0.9

    (yolo,) = [one for one in find_configs() if one.id == "yolo"]
    later = dataclasses.replace(yolo, config=Later)
    view = service(tmp_path, engine=engine, declarations=(later,)).get(ADA, "yolo")
    assert view.config["confidence_threshold"] == 0.25
    assert view.config["iou_threshold"] == 0.9


def test_what_another_version_saved_is_named_and_kept(
    configuration: ConfigurationService, engine: sa.Engine, tmp_path: Path
) -> None:
    class Newer(FamilyConfig):
        threshold: str = "high"
        colour: str = "red"

    (jtp2,) = [one for one in find_configs() if one.id == "jtp2"]
    newer = dataclasses.replace(jtp2, config=Newer)
    beside = service(tmp_path, engine=engine, declarations=(newer,))
    beside.update(ADA, "jtp2", {"threshold": "low", "colour": "blue"})
    view = configuration.get(ADA, "jtp2")
    assert view.config["threshold"] == 0.2 and view.sources["threshold"] == "default"
    assert "saved value is not used" in view.problems["threshold"]
    configuration.update(ADA, "jtp2", {"force_cpu": True})
    assert beside.current("jtp2").model_dump() == {"threshold": "low", "colour": "blue"}


def test_fifty_changes_at_once_leave_fifty_versions(
    tmp_path: Path, engine: sa.Engine, configuration: ConfigurationService
) -> None:
    other = service(tmp_path, engine=engine)
    failures: list[Exception] = []
    together = threading.Barrier(50)

    def save(number: int) -> None:
        together.wait()
        value = number / 100
        try:
            one = configuration if number % 2 else other
            one.update(ADA, "wdv3", {"gen_threshold": value, "char_threshold": value})
        except Exception as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    history = configuration.history(ADA, "wdv3")
    assert [one.version for one in history] == list(range(50, 0, -1))
    assert all(one.config["gen_threshold"] == one.config["char_threshold"] for one in history)
    assert {one.config["gen_threshold"] for one in history} == {n / 100 for n in range(50)}


def test_two_administrators_with_one_version_do_not_both_win(
    configuration: ConfigurationService,
) -> None:
    won: list[str] = []
    lost: list[str] = []
    together = threading.Barrier(8)

    def save(number: int) -> None:
        together.wait()
        try:
            configuration.update(ADA, "yolo", {"iou_threshold": 0.1}, expected_version=0)
            won.append(str(number))
        except PreconditionFailed:
            lost.append(str(number))

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)


def test_the_environment_holds_a_field(
    configuration: ConfigurationService, variables: dict[str, str]
) -> None:
    configuration.update(ADA, "jtp2", {"threshold": 0.4})
    variables["YIPYAP_JTP2__THRESHOLD"] = "0.7"
    view = configuration.get(ADA, "jtp2")
    assert view.config["threshold"] == 0.7 and view.saved["threshold"] == 0.4
    assert view.sources["threshold"] == "environment"
    assert view.variables == {"threshold": "YIPYAP_JTP2__THRESHOLD"}
    with pytest.raises(SetByEnvironment, match="YIPYAP_JTP2__THRESHOLD"):
        configuration.update(ADA, "jtp2", {"threshold": 0.5, "force_cpu": True})
    assert configuration.update(ADA, "jtp2", {"force_cpu": True}).version == 2
    configuration.reset(ADA, "jtp2")
    configuration.rollback(ADA, "jtp2", 1)
    del variables["YIPYAP_JTP2__THRESHOLD"]
    assert configuration.get(ADA, "jtp2").config["threshold"] == 0.4, "as before the variable"


@pytest.mark.parametrize(
    ("variable", "text", "field"),
    [
        ("YIPYAP_JTP2__THRESHOLD", "high", "threshold"),
        ("YIPYAP_JTP2__THRESHOLD", "7", "threshold"),
        ("YIPYAP_JTP2__TRESHOLD", "0.5", "treshold"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_and_locks_nothing(
    configuration: ConfigurationService,
    variables: dict[str, str],
    variable: str,
    text: str,
    field: str,
) -> None:
    variables[variable] = text
    view = configuration.get(ADA, "jtp2")
    assert variable in view.problems[field]
    assert view.config == view.defaults and view.variables == {}
    assert configuration.update(ADA, "jtp2", {"threshold": 0.3}).config["threshold"] == 0.3


@pytest.mark.parametrize(
    ("held", "address", "variable"),
    [
        ({"OLLAMA_HOST": "0.0.0.0"}, "http://127.0.0.1:11434", "OLLAMA_HOST"),
        ({"OLLAMA_HOST": "b:9", "OLLAMA_BASE_URL": "http://a:1"}, "http://a:1", "OLLAMA_BASE_URL"),
        (
            {"OLLAMA_BASE_URL": "http://a", "YIPYAP_OLLAMA__BASE_URL": "https://b"},
            "https://b:443",
            "YIPYAP_OLLAMA__BASE_URL",
        ),
        ({"OLLAMA_BASE_URL": "", "OLLAMA_HOST": "box"}, "http://box:11434", "OLLAMA_HOST"),
    ],
)
def test_ollama_s_own_variables_count(
    configuration: ConfigurationService,
    variables: dict[str, str],
    held: dict[str, str],
    address: str,
    variable: str,
) -> None:
    variables.update(held)
    view = configuration.get(ADA, "ollama")
    assert view.config["base_url"] == address
    assert view.variables == {"base_url": variable}


def test_a_password_in_a_variable_is_not_shown(
    configuration: ConfigurationService, variables: dict[str, str]
) -> None:
    variables["OLLAMA_HOST"] = "http://ada:secret@box:11434"
    view = configuration.get(ADA, "ollama")
    assert "secret" not in repr(view)
    assert "OLLAMA_HOST" in view.problems["base_url"]


def test_who_listens_hears_old_and_new(tmp_path: Path, engine: sa.Engine) -> None:
    events, heard = Events(), list[tuple[str, Any, Any]]()
    configuration = service(tmp_path, engine=engine, publish=events)
    stop = configuration.on_change(lambda *change: heard.append(change))
    configuration.update(ADA, "yolo", {"model_size": "x"})
    with pytest.raises(ConfigInvalid):
        configuration.update(ADA, "yolo", {"model_size": "huge"})
    stop()
    configuration.update(ADA, "yolo", {"model_size": "l"})
    ((name, old, new),) = heard
    assert (name, old.model_size, new.model_size) == ("yolo", "n", "x")
    first = {"version": 1, "actor": "ada", "fields": ["model_size"]}
    assert events.seen[0] == ("config", "yolo", first)
    assert len(events.seen) == 2


def test_an_engine_reads_what_counts_now(
    configuration: ConfigurationService, variables: dict[str, str]
) -> None:
    configuration.update(ADA, "wdv3", {"model_name": "convnext"})
    variables["YIPYAP_WDV3__FORCE_CPU"] = "true"
    config = configuration.current("wdv3")
    assert config.model_ids() == ("wdv3-convnext",)
    assert config.model_dump()["force_cpu"] is True


def test_only_administrators_read_and_change(configuration: ConfigurationService) -> None:
    ways: list[Callable[[], object]] = [
        lambda: configuration.get(EVE, "yolo"),
        lambda: configuration.all(EVE),
        lambda: configuration.history(EVE, "yolo"),
        lambda: configuration.update(EVE, "yolo", {}),
        lambda: configuration.reset(EVE, "yolo"),
        lambda: configuration.rollback(EVE, "yolo", 1),
        lambda: configuration.export(EVE),
        lambda: configuration.import_document(EVE, {}),
    ]
    for way in ways:
        with pytest.raises(Forbidden):
            way()


def test_all_are_listed_in_order(configuration: ConfigurationService) -> None:
    assert [view.name for view in configuration.all(ADA)] == NAMES == list(configuration.names())


def test_a_history_that_is_cut_still_compares_its_oldest(
    engine: sa.Engine, configuration: ConfigurationService
) -> None:
    for step in range(1, 5):
        configuration.update(ADA, "yolo", {"iou_threshold": step / 10})
    declared = configuration.declaration("yolo")
    shown = entries(declared, ConfigStore(engine).history("yolo", 3))[:2]
    assert [one.changes["iou_threshold"] for one in shown] == [(0.3, 0.4), (0.2, 0.3)]
