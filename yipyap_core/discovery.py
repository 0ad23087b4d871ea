"""Finds what a room is made of: the FAMILY, PAGE or `router` that each of its files exports.

A file more is a family, a page or a route more; nothing is listed anywhere. Files that begin with
an underscore and files without the constant are passed over. Two of one id are refused, and both
files are named.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

T = TypeVar("T")


class DiscoveryError(RuntimeError):
    """A file exports something else than its room needs, or an id twice; nothing starts."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """One constant, and where it stands."""

    id: str
    value: T
    file: str


def find(package: str, constant: str, kind: type[T], id_of: Callable[[T], str]) -> list[Found[T]]:
    """Import every module of `package` and collect its `constant`, by file name.

    Raises `DiscoveryError` for a value that is no `kind`, and for two with the same `id_of`.
    """
    return _collect(_modules_of(package), constant, kind, id_of)


def find_in_folder(
    folder: Path, constant: str, kind: type[T], id_of: Callable[[T], str]
) -> list[Found[T]]:
    """The same for the files of a folder that need not be a package."""
    return _collect(_files_of(folder), constant, kind, id_of)


def _collect(
    modules: Iterable[ModuleType], constant: str, kind: type[T], id_of: Callable[[T], str]
) -> list[Found[T]]:
    found: dict[str, Found[T]] = {}
    for module in modules:
        if not hasattr(module, constant):
            continue
        value = getattr(module, constant)
        file = str(module.__file__)
        if not isinstance(value, kind):
            raise DiscoveryError(
                f"{file} exports {constant} as {type(value).__name__}; it has to be a"
                f" {kind.__name__}."
            )
        one = Found(id_of(value), value, file)
        if one.id in found:
            raise DiscoveryError(
                f"Two files export a {constant} with the id {one.id!r}:"
                f" {found[one.id].file} and {file}. Rename one of them."
            )
        found[one.id] = one
    return list(found.values())


def _modules_of(package: str) -> Iterator[ModuleType]:
    parent = importlib.import_module(package)
    for entry in sorted(pkgutil.iter_modules(parent.__path__), key=lambda entry: entry.name):
        if not entry.name.startswith("_"):
            yield importlib.import_module(f"{package}.{entry.name}")


def _files_of(folder: Path) -> Iterator[ModuleType]:
    for path in sorted(folder.glob("[!_]*.py")):
        yield _load(path)


def _load(path: Path) -> ModuleType:
    """Import a file once, under a name that no package has."""
    name = f"yipyap_found.{path.parent.name}_{abs(hash(path.resolve()))}.{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DiscoveryError(f"{path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
