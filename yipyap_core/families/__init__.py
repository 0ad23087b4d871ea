"""One model family, one small file; a new file is a new family, found and not listed."""

from __future__ import annotations

from yipyap_core.discovery import DiscoveryError, find
from yipyap_core.families.base import ConfigSection, Declaration, Family

__all__ = ["find_configs", "find_families"]

HERE = "yipyap_core.families"


def find_families(*packages: str) -> tuple[Family, ...]:
    """Collect every `FAMILY` of the packages (this one by default), in the order people see.

    Raises `DiscoveryError` where two families or two of their models share an id.
    """
    files: dict[str, str] = {}
    families: list[Family] = []
    for package in packages or (HERE,):
        for found in find(package, "FAMILY", Family, lambda family: family.id):
            for key in (f"family {found.id}", *(f"model {one.id}" for one in found.value.models)):
                _once(files, key, found.file)
            families.append(found.value)
    return tuple(sorted(families, key=lambda one: (one.order, one.name)))


def find_configs(*packages: str) -> tuple[Declaration, ...]:
    """Collect everything that has settings: the families and each `CONFIG`, in the same order.

    Raises `DiscoveryError` where two share an id.
    """
    families = find_families(*packages)
    files = {one.id: f"the family {one.name}" for one in families}
    declarations: list[Declaration] = [*families]
    for package in packages or (HERE,):
        for found in find(package, "CONFIG", ConfigSection, lambda section: section.id):
            _once(files, found.id, found.file)
            declarations.append(found.value)
    return tuple(sorted(declarations, key=lambda one: (one.order, one.name)))


def _once(files: dict[str, str], key: str, file: str) -> None:
    if key in files:
        raise DiscoveryError(f"{file} declares {key} again; it stands in {files[key]} already.")
    files[key] = file
