"""A new file is a new family; two of one id are refused, naming both files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_families.building import opened, package
from yipyap_core.discovery import DiscoveryError
from yipyap_core.families import find_configs, find_families
from yipyap_core.services.registry import RegistryService
from yipyap_core.stores.registered import RegisteredModelStore

OWL = '''
"""A family in one file."""

from yipyap_core.domain.models import ModelSpec, ModelType
from yipyap_core.families.base import Family, FamilyConfig, setting


class OwlConfig(FamilyConfig):
    eyes: int = setting(2, title="Eyes", help="How many.", ge=1, le=8, step=1)


FAMILY = Family(
    id="owl",
    name="Owl",
    type=ModelType.DETECTION,
    description="Sees at night",
    icon="visibility",
    models=(ModelSpec("owl-small", "Owl", "Sees", "night/owl", 1, "MIT"),),
    config=OwlConfig,
    engine="owl",
)
'''


def test_a_file_more_is_a_family_more_in_the_registry(tmp_path: Path) -> None:
    with package(tmp_path, {"owl.py": OWL}) as name:
        families = find_families("yipyap_core.families", name)
        registry = RegistryService(families=families, store=RegisteredModelStore(opened(tmp_path)))
        assert registry.get("owl-small").family == "owl"
        assert registry.get("owl-small").type == "detection"
        assert registry.families()[-1].id == "owl"
        assert len(registry.models()) == 20
        assert "owl" in {one.id for one in find_configs("yipyap_core.families", name)}


def test_two_files_of_one_id_are_refused_and_both_named(tmp_path: Path) -> None:
    with (
        package(tmp_path, {"owl.py": OWL, "snowy.py": OWL}) as name,
        pytest.raises(DiscoveryError, match=r"(?s)'owl'.*owl\.py.*snowy\.py"),
    ):
        find_families(name)


def test_two_families_do_not_share_a_model(tmp_path: Path) -> None:
    other = OWL.replace('id="owl"', 'id="snowy"')
    with (
        package(tmp_path, {"owl.py": OWL, "snowy.py": other}) as name,
        pytest.raises(DiscoveryError, match=r"(?s)snowy\.py.*owl-small.*owl\.py"),
    ):
        find_families(name)


def test_settings_do_not_take_the_name_of_a_family(tmp_path: Path) -> None:
    section = OWL.replace("Family,", "ConfigSection, Family,").split("FAMILY =")[0] + (
        'CONFIG = ConfigSection("owl", "Owl", "Sees", "visibility", OwlConfig)\n'
    )
    with (
        package(tmp_path, {"owl.py": OWL, "settings.py": section}) as name,
        pytest.raises(DiscoveryError, match=r"settings\.py"),
    ):
        find_configs(name)


def test_a_constant_of_another_type_is_refused(tmp_path: Path) -> None:
    with (
        package(tmp_path, {"owl.py": "FAMILY = 3\n"}) as name,
        pytest.raises(DiscoveryError, match=r"owl\.py exports FAMILY as int"),
    ):
        find_families(name)


def test_files_without_the_constant_and_private_ones_are_passed_over(tmp_path: Path) -> None:
    files = {"plain.py": "", "_private.py": "raise RuntimeError('imported')"}
    with package(tmp_path, files) as name:
        assert find_families(name) == ()
