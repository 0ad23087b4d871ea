"""The demonstration repositories hold what the registry's patterns ask for, and more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub.utils._paths import filter_repo_objects
from safetensors import safe_open

from tests.standins.checkpoints import safetensors
from tests.standins.hub import Hub, Pattern, RemoteHub, write_pattern
from tests.standins.repositories import REPOSITORIES, Repository, seed
from tests.test_standins.test_hub_http import fetch
from yipyap_core.domain.models import ModelSpec
from yipyap_core.families import find_families

MODELS = [model for family in find_families() for model in family.models]


def repository_of(model: ModelSpec) -> Repository:
    """The stand-in of a registry's model."""
    kind = model.repo_type.value
    return next(r for r in REPOSITORIES if (r.repo_id, r.repo_type) == (model.repo_id, kind))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_every_model_finds_its_files_and_leaves_some(model: ModelSpec) -> None:
    files = repository_of(model).files(1.0)
    chosen = list(filter_repo_objects(files, allow_patterns=list(model.allow_patterns)))
    for pattern in model.allow_patterns:
        if not pattern.endswith((".txt", ".jinja")):
            assert list(filter_repo_objects(files, allow_patterns=[pattern])), pattern
    weights = [files[path] for path in chosen if isinstance(files[path], Pattern)]
    assert sum(file.size_bytes for file in weights if isinstance(file, Pattern)) >= 500_000


@pytest.mark.parametrize("repository", REPOSITORIES, ids=lambda each: each.repo_id)
def test_safetensors_can_be_opened(repository: Repository, tmp_path: Path) -> None:
    for path, source in repository.files(1.0).items():
        if path.endswith(".safetensors"):
            assert isinstance(source, Pattern)
            write_pattern(tmp_path / "file", source)
            with safe_open(tmp_path / "file", framework="numpy") as file:
                names = [name for name in file.keys() if name != "padding"]  # noqa: SIM118
                assert names
                assert all(file.get_slice(name).get_shape()[1] == 64 for name in names)


@pytest.mark.parametrize("size_bytes", [10_000, 500_000, 1_234_567])
def test_a_safetensors_file_has_exactly_its_size(tmp_path: Path, size_bytes: int) -> None:
    write_pattern(tmp_path / "file", safetensors(["a", "b.c"], size_bytes, file="x"))
    assert (tmp_path / "file").stat().st_size == size_bytes
    with safe_open(tmp_path / "file", framework="numpy") as file:
        assert sorted(file.keys()) == ["a", "b.c", "padding"]


def test_shards_agree_with_their_index() -> None:
    llada = next(r for r in REPOSITORIES if "LLaDA" in r.repo_id).files(1.0)
    index = llada["model.safetensors.index.json"]
    assert isinstance(index, bytes)
    assert set(json.loads(index)["weight_map"].values()) == {
        path for path in llada if path.endswith(".safetensors")
    }
    assert len([path for path in llada if path.endswith(".safetensors")]) == 6


def test_seeding_is_the_same_in_both_hubs(hub: Hub, remote_hub: RemoteHub) -> None:
    for each in (hub, remote_hub):
        seed(each, scale=0.01)
    for repository in REPOSITORIES:
        path = f"/api/{repository.repo_type}s/{repository.repo_id}/tree/main?recursive=true"
        assert fetch(hub.endpoint + path).body == fetch(remote_hub.endpoint + path).body


def test_scale_makes_large_files_larger() -> None:
    tiny, big = (
        sum(
            source.size_bytes
            for source in repository.files(scale).values()
            if isinstance(source, Pattern)
        )
        for repository in REPOSITORIES[:1]
        for scale in (1.0, 100.0)
    )
    assert 3_000_000 < tiny < 4_000_000
    assert 300_000_000 < big < 400_000_000
