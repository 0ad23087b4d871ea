"""Files of a folder are found by what they export; packages are tested with the families."""

from __future__ import annotations

from pathlib import Path

import pytest

from yipyap_core.discovery import DiscoveryError, find, find_in_folder


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


def test_every_file_with_the_constant_is_found_in_the_order_of_names(tmp_path: Path) -> None:
    write(tmp_path, b="PAGE = 'b'", a="PAGE = 'a'", c="OTHER = 1", _d="PAGE = 1 / 0")
    found = find_in_folder(tmp_path, "PAGE", str, lambda page: page)
    assert [one.id for one in found] == ["a", "b"]
    assert [Path(one.file).name for one in found] == ["a.py", "b.py"]


def test_a_file_is_imported_once(tmp_path: Path) -> None:
    write(tmp_path, a="PAGE = object()")
    first, second = (find_in_folder(tmp_path, "PAGE", object, lambda _: "a") for _ in range(2))
    assert first[0].value is second[0].value


def test_two_of_one_id_are_refused_and_both_files_named(tmp_path: Path) -> None:
    write(tmp_path, a="PAGE = 'x'", b="PAGE = 'x'")
    with pytest.raises(DiscoveryError, match=r"'x'.*a\.py.*b\.py"):
        find_in_folder(tmp_path, "PAGE", str, lambda page: page)


def test_a_broken_file_is_not_half_imported(tmp_path: Path) -> None:
    write(tmp_path, a="PAGE = 1 / 0")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            find_in_folder(tmp_path, "PAGE", str, lambda page: page)


def test_a_package_is_searched_by_name() -> None:
    found = find("yipyap_core.stores", "HEAD", str, lambda head: head)
    assert [Path(one.file).name for one in found] == ["engine.py"]
