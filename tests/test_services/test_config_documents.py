"""Export and import of everything: wholly or not at all, with a preview."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.test_families.building import ADA, BOB, documents, opened
from tests.test_services.config_kit import NAMES, safetensors, service
from yipyap_core.domain.configs import FieldChange
from yipyap_core.errors import ConfigInvalid
from yipyap_core.families import find_configs
from yipyap_core.services.configuration.service import ConfigurationService

EVERYTHING = st.fixed_dictionaries(
    {}, optional={declared.id: documents(declared.config) for declared in find_configs()}
)


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


def _versions(configuration: ConfigurationService) -> dict[str, int]:
    return {view.name: view.version for view in configuration.all(ADA)}


def _document(**configs: Any) -> dict[str, Any]:
    return {"format": 1, "configs": configs}


def test_the_export_holds_what_was_saved(configuration: ConfigurationService) -> None:
    configuration.update(ADA, "yolo", {"model_size": "x"})
    document = configuration.export(ADA)
    assert document["format"] == 1 and document["exported_at"].endswith("Z")
    assert list(document["configs"]) == NAMES
    assert document["configs"]["yolo"] == {"model_size": "x"}
    assert document["configs"]["jtp2"] == {}
    json.dumps(document)


@given(wanted=EVERYTHING)
def test_an_export_brings_everything_back(
    configuration: ConfigurationService, wanted: dict[str, dict[str, Any]]
) -> None:
    try:
        configuration.import_document(ADA, _document(**wanted))
    except ConfigInvalid:
        return
    document = json.loads(json.dumps(configuration.export(ADA)))
    before = [view.config for view in configuration.all(ADA)]
    for name in NAMES:
        configuration.reset(ADA, name)
    configuration.import_document(BOB, document)
    assert [view.config for view in configuration.all(ADA)] == before
    assert configuration.export(ADA)["configs"] == document["configs"]
    assert configuration.import_document(ADA, document).versions == {}, "nothing is left to do"


def test_an_import_says_what_it_changed(configuration: ConfigurationService) -> None:
    configuration.update(ADA, "yolo", {"iou_threshold": 0.4})
    configuration.update(ADA, "jtp2", {"threshold": 0.4})
    report = configuration.import_document(BOB, _document(yolo={"model_size": "x"}))
    assert report.applied == (
        FieldChange("yolo", "model_size", "n", "x"),
        FieldChange("yolo", "iou_threshold", 0.4, 0.7),
    )
    assert report.versions == {"yolo": 2}
    assert configuration.get(ADA, "jtp2").version == 1, "what it does not name is left alone"
    entry = configuration.history(ADA, "yolo")[0]
    assert (entry.actor, entry.action) == ("bob", "import")


def test_a_preview_changes_nothing(configuration: ConfigurationService) -> None:
    document = _document(yolo={"model_size": "x"}, jtp2={"threshold": 0.3})
    preview = configuration.import_document(ADA, document, dry_run=True)
    assert preview.dry_run and _versions(configuration)["yolo"] == 0
    done = configuration.import_document(ADA, document)
    assert (done.applied, done.versions) == (preview.applied, preview.versions)


@pytest.mark.parametrize(
    ("configs", "field"),
    [
        ({"yolo": {"model_size": "x"}, "jtp2": {"threshold": 2}}, "configs.jtp2.threshold"),
        ({"yolo": {"model_size": "x"}, "owl": {}}, "configs.owl"),
        ({"yolo": {"model_size": "x"}, "jtp2": {"colour": "red"}}, "configs.jtp2.colour"),
        ({"yolo": {"model_size": "x"}, "jtp2": 3}, "configs.jtp2"),
        ({"yolo": {"model_size": "x"}, "llada": {"block_length": 33}}, "configs.llada.gen_length"),
        ({"yolo": {"model_size": "x"}, "jtp2": {"model_path": "/no"}}, "configs.jtp2.model_path"),
    ],
)
def test_one_wrong_value_refuses_the_whole(
    configuration: ConfigurationService, configs: dict[str, Any], field: str
) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        configuration.import_document(ADA, _document(**configs))
    assert list(caught.value.fields) == [field]
    assert set(_versions(configuration).values()) == {0}


def test_every_wrong_value_is_named_at_once(configuration: ConfigurationService) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        configuration.import_document(ADA, _document(jtp2={"threshold": 2}, yolo={"a": 1}, owl={}))
    assert len(caught.value.fields) == 3


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "document"),
        ("text", "document"),
        (None, "document"),
        ({"format": 2, "configs": {}}, "format"),
        ({"format": "1", "configs": {}}, "format"),
        ({"format": True, "configs": {}}, "format"),
        ({"format": -1, "configs": {}}, "format"),
        ({"format": 1}, "configs"),
        ({"format": 1, "configs": []}, "configs"),
    ],
)
def test_what_is_no_document(
    configuration: ConfigurationService, document: object, field: str
) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        configuration.import_document(ADA, document)
    assert list(caught.value.fields) == [field]


@pytest.mark.parametrize("envelope", [{}, {"format": 0}])
def test_the_format_without_an_envelope_is_migrated(
    configuration: ConfigurationService, envelope: dict[str, Any]
) -> None:
    report = configuration.import_document(ADA, {**envelope, "yolo": {"model_size": "l"}})
    assert report.versions == {"yolo": 1}
    assert configuration.get(ADA, "yolo").config["model_size"] == "l"


def test_what_the_environment_holds_is_left_alone(
    configuration: ConfigurationService, variables: dict[str, str]
) -> None:
    configuration.update(ADA, "jtp2", {"threshold": 0.4})
    variables["YIPYAP_JTP2__THRESHOLD"] = "0.7"
    document = _document(jtp2={"threshold": 0.9, "force_cpu": True})
    report = configuration.import_document(ADA, document)
    (skipped,) = report.skipped
    assert (skipped.name, skipped.field) == ("jtp2", "threshold")
    assert "YIPYAP_JTP2__THRESHOLD" in skipped.reason
    assert [change.field for change in report.applied] == ["force_cpu"]
    del variables["YIPYAP_JTP2__THRESHOLD"]
    assert configuration.get(ADA, "jtp2").config["threshold"] == 0.4


def test_an_import_is_heard_once_a_configuration(tmp_path: Path, engine: sa.Engine) -> None:
    configuration = service(tmp_path, engine=engine)
    heard: list[str] = []
    configuration.on_change(lambda name, _old, _new: heard.append(name))
    configuration.import_document(
        ADA, _document(yolo={"model_size": "x"}, jtp2={"threshold": 0.3}, wdv3={})
    )
    assert heard == ["yolo", "jtp2"]


def test_a_path_that_is_saved_already_is_not_looked_at_again(
    configuration: ConfigurationService, tmp_path: Path
) -> None:
    path = safetensors(tmp_path / "models" / "a.safetensors")
    configuration.update(ADA, "jtp2", {"model_path": str(path)})
    document = configuration.export(ADA)
    path.unlink()
    assert configuration.import_document(ADA, document).applied == ()
