"""The registry: what is declared, what administrators add, and what other processes see."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.test_families.building import ADA, EVE, opened
from yipyap_core.domain.models import ModelType, RepoType
from yipyap_core.errors import Conflict, Forbidden, Invalid, ModelExists, UnknownModel
from yipyap_core.families import find_families
from yipyap_core.services.registry import RegistryService
from yipyap_core.stores.registered import RegisteredModelStore
from yipyap_core.stores.schema import registered_models

NEW = {"id": "my-tagger", "repo_id": "someone/my-tagger"}


def _registry(engine: sa.Engine) -> RegistryService:
    return RegistryService(families=find_families(), store=RegisteredModelStore(engine))


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return opened(tmp_path)


@pytest.fixture
def registry(engine: sa.Engine) -> RegistryService:
    return _registry(engine)


def test_every_model_knows_its_family_and_type(registry: RegistryService) -> None:
    assert len(registry.models()) == 19
    for spec in registry.models():
        family = registry.family_of(spec.id)
        assert family is not None and spec.family == family.id and spec.type is family.type


def test_an_unknown_model_is_named(registry: RegistryService) -> None:
    with pytest.raises(UnknownModel, match="'nope'"):
        registry.get("nope")


def test_an_added_repository_is_a_model_like_the_others(registry: RegistryService) -> None:
    spec = registry.register(
        ADA,
        **NEW,
        name="My tagger",
        repo_type="dataset",
        revision="v1.0",
        allow_patterns=["*.onnx"],
        ignore_patterns=["old/"],
        family="wdv3",
    )
    assert spec == registry.get("my-tagger") == registry.models()[-1]
    assert (spec.name, spec.repo_type, spec.revision) == ("My tagger", RepoType.DATASET, "v1.0")
    assert (spec.allow_patterns, spec.ignore_patterns) == (("*.onnx",), ("old/",))
    assert spec.type is ModelType.CAPTION_GENERATOR
    assert not registry.is_built_in("my-tagger")


def test_without_a_family_it_is_plain_files(registry: RegistryService) -> None:
    spec = registry.register(ADA, **NEW)
    assert spec.type is ModelType.FILES and spec.name == "someone/my-tagger"
    assert registry.family_of("my-tagger") is None


def test_a_second_process_sees_it_and_its_generation_moves(engine: sa.Engine) -> None:
    here, there = _registry(engine), _registry(engine)
    before = (here.generation, there.generation)
    here.register(ADA, **NEW)
    assert there.get("my-tagger").repo_id == "someone/my-tagger"
    added = (here.generation, there.generation)
    assert added > before and added[1] > before[1]
    there.forget(ADA, "my-tagger")
    assert here.generation > added[0]
    with pytest.raises(UnknownModel):
        here.get("my-tagger")


def test_the_generation_rests_while_nothing_changes(registry: RegistryService) -> None:
    registry.register(ADA, **NEW)
    seen = {registry.generation for _ in range(3) if registry.models()}
    assert len(seen) == 1


def test_forgetting_and_adding_again_moves_the_generation(registry: RegistryService) -> None:
    registry.register(ADA, **NEW)
    before = registry.generation
    registry.forget(ADA, "my-tagger")
    registry.register(ADA, id="my-tagger", repo_id="someone/another")
    assert registry.generation > before
    assert registry.get("my-tagger").repo_id == "someone/another"


@pytest.mark.parametrize("taken", ["jtp2", "my-tagger"])
def test_an_id_is_given_once(registry: RegistryService, taken: str) -> None:
    registry.register(ADA, **NEW)
    with pytest.raises(ModelExists):
        registry.register(ADA, id=taken, repo_id="someone/else")


def test_two_processes_do_not_add_one_id_twice(engine: sa.Engine) -> None:
    store = RegisteredModelStore(engine)
    spec = _registry(engine).register(ADA, **NEW)
    with pytest.raises(ModelExists):
        store.add(spec, actor="bob", now=dt.datetime.now(dt.UTC))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "../up"),
        ("id", ""),
        ("id", "Upper"),
        ("repo_id", "../../etc"),
        ("repo_id", "a/b/c"),
        ("repo_id", "a/b--c"),
        ("repo_type", "bucket"),
        ("revision", "../main"),
        ("revision", "main\nother"),
        ("name", "two\nlines"),
        ("name", "x" * 201),
        ("family", "owls"),
        ("allow_patterns", [""]),
        ("allow_patterns", ["*"] * 101),
        ("ignore_patterns", ["a\0b"]),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    registry: RegistryService, field: str, value: Any
) -> None:
    with pytest.raises(Invalid) as caught:
        registry.register(ADA, **{**NEW, field: value})
    assert list(caught.value.fields) == [field]
    assert len(registry.models()) == 19


def test_what_belongs_to_the_product_cannot_be_forgotten(registry: RegistryService) -> None:
    with pytest.raises(Conflict, match="belongs to the product"):
        registry.forget(ADA, "jtp2")
    with pytest.raises(UnknownModel):
        registry.forget(ADA, "never-added")


def test_only_administrators_change_the_registry(registry: RegistryService) -> None:
    with pytest.raises(Forbidden):
        registry.register(EVE, **NEW)
    registry.register(ADA, **NEW)
    with pytest.raises(Forbidden):
        registry.forget(EVE, "my-tagger")


def test_a_row_of_another_version_is_left_out(engine: sa.Engine) -> None:
    row = {
        "id": "future",
        "spec": {"of": "tomorrow"},
        "created_at": dt.datetime.now(dt.UTC),
        "actor": "ada",
    }
    with engine.begin() as connection:
        connection.execute(sa.insert(registered_models).values(**row))
    assert len(_registry(engine).models()) == 19


def test_a_model_whose_family_is_gone_is_plain_files(engine: sa.Engine) -> None:
    _registry(engine).register(ADA, **NEW, family="yolo")
    rest = [family for family in find_families() if family.id != "yolo"]
    registry = RegistryService(families=rest, store=RegisteredModelStore(engine))
    assert registry.get("my-tagger").type is ModelType.FILES
    assert registry.get("my-tagger").family == ""


def test_what_a_new_version_declares_wins_over_what_was_added(engine: sa.Engine) -> None:
    rest = [family for family in find_families() if family.id != "jtp2"]
    RegistryService(families=rest, store=RegisteredModelStore(engine)).register(
        ADA, id="jtp2", repo_id="someone/else"
    )
    assert _registry(engine).get("jtp2").repo_id == "RedRocket/JointTaggerProject"
    assert len(_registry(engine).models()) == 19
