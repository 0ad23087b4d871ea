"""What holds for every family and every configuration that discovery finds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from streamlit.material_icon_names import ALL_MATERIAL_ICONS

from tests.test_families.building import attempts, documents
from yipyap_core.errors import ConfigInvalid
from yipyap_core.families import find_configs, find_families
from yipyap_core.families.base import Declaration, Family
from yipyap_core.families.fields import FieldKind, fields_of, parse, parse_text

FAMILIES = find_families()
CONFIGS = find_configs()

every_config = pytest.mark.parametrize("declared", CONFIGS, ids=lambda one: one.id)
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.id)


def _fits(declared: Declaration, document: dict[str, Any]) -> bool:
    try:
        parse(declared.config, document)
    except ConfigInvalid as error:
        assert error.fields
        assert error.message == "Failed to update config"
        return False
    return True


@every_config
def test_defaults_fit_and_agree_with_each_other(declared: Declaration) -> None:
    assert declared.config().conflicts() == {}
    assert declared.config().model_dump() == {
        field.name: field.default for field in fields_of(declared.config)
    }


@every_config
def test_every_field_says_what_it_is(declared: Declaration) -> None:
    for field in fields_of(declared.config):
        assert field.label and field.label != field.name
        assert field.help.endswith(".")
        if field.kind in (FieldKind.NUMBER, FieldKind.INTEGER):
            assert field.minimum is not None and field.maximum is not None and field.step
        assert field.describe(field.default)


@every_config
def test_labels_and_notes_name_only_choices_that_exist(declared: Declaration) -> None:
    properties = declared.config.model_json_schema()["properties"]
    for field in fields_of(declared.config):
        values = {choice.value for choice in field.choices}
        assert set(properties[field.name].get("labels", {})) <= values
        assert set(properties[field.name].get("notes", {})) <= values
        labels = [choice.label for choice in field.choices]
        assert len(set(labels)) == len(labels)


@every_config
@given(data=st.data())
def test_values_survive_json_and_back(declared: Declaration, data: st.DataObject) -> None:
    document = data.draw(documents(declared.config))
    config = parse(declared.config, document)
    again = parse(declared.config, json.loads(json.dumps(config.model_dump())))
    assert again == config
    assert document.items() <= config.model_dump().items()


@every_config
@given(data=st.data())
def test_the_schema_accepts_exactly_what_validation_accepts(
    declared: Declaration, data: st.DataObject
) -> None:
    schema = declared.config.model_json_schema()
    document = data.draw(attempts(declared.config))
    assert Draft202012Validator(schema).is_valid(document) == _fits(declared, document)


@every_config
def test_one_step_beyond_a_bound_is_refused(declared: Declaration) -> None:
    for field in fields_of(declared.config):
        if field.minimum is None or field.maximum is None:
            continue
        step = 1 if field.kind is FieldKind.INTEGER else 1e-9
        for inside in (field.minimum, field.maximum):
            assert _fits(declared, {field.name: inside})
        for outside in (field.minimum - step, field.maximum + step, float("nan"), float("inf")):
            assert not _fits(declared, {field.name: outside})


@every_config
def test_the_schema_is_a_schema(declared: Declaration) -> None:
    Draft202012Validator.check_schema(declared.config.model_json_schema())


@every_config
@given(data=st.data())
def test_a_value_written_into_the_environment_is_read_back(
    declared: Declaration, data: st.DataObject
) -> None:
    document = data.draw(documents(declared.config))
    for name, value in document.items():
        text = "none" if value is None else str(value)
        assert parse_text(declared.config, name, text) == value


@every_config
def test_choices_lead_to_models_of_the_family(declared: Declaration) -> None:
    known = {spec.id for spec in declared.models} if isinstance(declared, Family) else set()
    chosen = set(declared.config().model_ids())
    for field in fields_of(declared.config):
        for choice in field.choices:
            chosen |= set(parse(declared.config, {field.name: choice.value}).model_ids())
    assert chosen == known, "every model can be chosen, and nothing else"


@every_config
def test_presets_are_valid_drafts(declared: Declaration) -> None:
    for preset in declared.presets:
        assert _fits(declared, dict(preset.values))


@every_config
def test_icons_exist(declared: Declaration) -> None:
    assert declared.icon in ALL_MATERIAL_ICONS


@every_family
def test_models_name_their_repository_their_files_and_their_licence(family: Family) -> None:
    for spec in family.models:
        assert spec.repo.repo_id == spec.repo_id and spec.revision == "main"
        assert spec.allow_patterns and spec.size_bytes > 1_000_000 and spec.license
        assert all(len(commit) == 40 for commit in spec.known_good_commits)
        assert not any(pattern.endswith((".py", ".bin")) for pattern in spec.allow_patterns)
