"""The store doctor on folders that are sound, missing, closed or doubled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.test_clients.caches import RepoMaker
from yipyap_core.clients import cache_probe
from yipyap_core.clients.hub_cache import HubCache
from yipyap_core.domain.doctor import Finding, Health
from yipyap_core.services.cache_doctor import StoreDoctor
from yipyap_core.settings import CacheLocation, other_hub_caches


def examine(path: Path, *others: CacheLocation, reserve_bytes: int = 0) -> dict[str, Finding]:
    doctor = StoreDoctor(
        cache=HubCache(path),
        location=CacheLocation(path, "HF_HOME"),
        others=others,
        reserve_bytes=reserve_bytes,
    )
    return {finding.question: finding for finding in doctor.examine()}


def test_a_sound_folder_is_good_and_left_as_it_was(tmp_path: Path) -> None:
    findings = examine(tmp_path)

    assert {finding.health for finding in findings.values()} == {Health.GOOD}
    assert "HF_HOME" in findings["Chosen by"].answer
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_comes_with_the_line_that_makes_it(tmp_path: Path) -> None:
    finding = examine(tmp_path / "with space")["Exists"]

    assert finding.health is Health.NOTE
    assert finding.fix == f"mkdir -p '{tmp_path}/with space'"


def test_a_file_in_its_place_is_bad(tmp_path: Path) -> None:
    (tmp_path / "hub").touch()

    assert examine(tmp_path / "hub")["Exists"].health is Health.BAD


def test_a_full_volume_is_bad(tmp_path: Path) -> None:
    assert examine(tmp_path, reserve_bytes=1 << 60)["Free space"].health is Health.BAD


def test_another_cache_with_repositories_is_named(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    RepoMaker(tmp_path / "other").commit({"a.bin": b"1"})
    empty = CacheLocation(tmp_path / "nowhere", "HF_CACHE")

    finding = examine(tmp_path / "hub", empty, CacheLocation(tmp_path / "other", "default"))[
        "Another cache"
    ]

    assert str(tmp_path / "other") in finding.answer
    assert finding.fix == f"export HF_HUB_CACHE={tmp_path / 'other'}"


def test_the_settings_name_every_candidate(tmp_path: Path) -> None:
    environ = {"HF_HOME": f"{tmp_path}/a", "HF_CACHE": f"{tmp_path}/b", "XDG_CACHE_HOME": "/x"}

    assert {(str(one.path), one.source) for one in other_hub_caches(environ)} == {
        (f"{tmp_path}/a/hub", "HF_HOME"),
        (f"{tmp_path}/b/hub", "HF_CACHE"),
        ("/x/huggingface/hub", "default"),
    }


def test_tells_the_volume_and_the_owner(tmp_path: Path) -> None:
    volume = cache_probe.volume_of(tmp_path / "not" / "there")

    assert volume is not None
    assert os.path.ismount(volume.mount_point)
    assert cache_probe.owner_of(tmp_path).is_ours


@pytest.mark.parametrize("probe", [cache_probe.has_locks, cache_probe.has_symlinks])
def test_a_folder_that_is_gone_can_do_nothing(tmp_path: Path, probe: object) -> None:
    assert callable(probe)
    assert not probe(tmp_path / "gone")
