"""Paths to model files: what is refused, in which words, and that nothing else is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_families.building import ADA
from tests.test_services.config_kit import safetensors, service, tags
from yipyap_core.errors import ConfigInvalid
from yipyap_core.services.configuration.paths import PathRules, allowed_roots

OUTSIDE = "The path lies outside the folders that are allowed for models (YIPYAP_MODEL_ROOTS)."


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    root.mkdir()
    return root


@pytest.fixture
def rules(root: Path) -> PathRules:
    return PathRules((root,))


def test_files_of_the_right_kind_are_taken(root: Path, rules: PathRules) -> None:
    assert rules.problem("safetensors", str(safetensors(root / "a.safetensors"))) is None
    assert rules.problem("tags", str(tags(root / "deep" / "tags.json"))) is None


def test_a_link_inside_the_root_is_followed_as_the_hub_s_cache_needs(
    root: Path, rules: PathRules
) -> None:
    safetensors(root / "blobs" / "abc")
    (root / "snapshots").mkdir()
    (root / "snapshots" / "model.safetensors").symlink_to("../blobs/abc")
    assert rules.problem("safetensors", str(root / "snapshots/model.safetensors")) is None


def test_a_root_that_is_a_link_itself(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    safetensors(root / "a.safetensors")
    rules = PathRules((tmp_path / "alias",))
    assert rules.problem("safetensors", str(tmp_path / "alias" / "a.safetensors")) is None


def test_outside_is_refused_alike_whether_something_is_there_or_not(
    root: Path, tmp_path: Path, rules: PathRules
) -> None:
    safetensors(tmp_path / "elsewhere" / "real.safetensors")
    (root / "leak").symlink_to(tmp_path / "elsewhere" / "real.safetensors")
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    for text in (
        str(tmp_path / "elsewhere" / "real.safetensors"),
        str(tmp_path / "elsewhere" / "none.safetensors"),
        str(root / ".." / "elsewhere" / "real.safetensors"),
        str(root / "leak"),
        str(root / "folder" / "real.safetensors"),
        str(root) + "2/model.safetensors",
        "/etc/passwd",
    ):
        assert rules.problem("safetensors", text) == OUTSIDE


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model.safetensors", "The path must be absolute."),
        ("~/model.safetensors", "The path must be absolute."),
        ("/a\0b", "The path holds characters that cannot be printed."),
        ("/a\nb", "The path holds characters that cannot be printed."),
    ],
)
def test_what_is_no_path(rules: PathRules, text: str, sentence: str) -> None:
    assert rules.problem("safetensors", text) == sentence


def test_what_is_no_file(root: Path, rules: PathRules) -> None:
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    (root / "loop").symlink_to("loop")
    (root / "dangling").symlink_to("nowhere")
    assert rules.problem("tags", str(root / "none")) == "There is no file at this path."
    assert rules.problem("tags", str(root / "dangling")) == "There is no file at this path."
    assert rules.problem("tags", str(root)) == "This is a folder; a file is needed."
    assert rules.problem("tags", str(root / "folder")) == "This is a folder; a file is needed."
    assert "not a regular file" in str(rules.problem("tags", str(root / "pipe")))
    assert "cannot be opened" in str(rules.problem("tags", str(root / "loop")))


def test_a_file_that_the_server_may_not_read(root: Path) -> None:
    """Runs as nobody in a process of its own, for root may read everything."""
    path = safetensors(root / "secret.safetensors")
    path.chmod(0)
    for folder in [root, *root.parents]:
        if folder.owner() == path.owner() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from yipyap_core.services.configuration.paths import PathRules\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "print(PathRules((Path(sys.argv[1]),)).problem('safetensors', sys.argv[2]))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(root), str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert run.stdout.strip() == "The server's user may not read this file."


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has no header"),
        (b"\x02\0\0\0\0\0\0\0", "it has no header"),
        (b"\xff" * 16, "it has no header"),
        (b"\x02\0\0\0\0\0\0\0{}", "its header names no tensors"),
        (b"\x02\0\0\0\0\0\0\0[]", "it holds no object"),
        (b"\x03\0\0\0\0\0\0\0\xff\xfe\xfd", "it cannot be read as JSON"),
        (b'\x09\0\0\0\0\0\0\0{"a": {}}', "its header names no tensors"),
        (b"PK\x03\x04 a zip archive, as PyTorch writes", "it has no header"),
    ],
)
def test_what_is_not_safetensors(root: Path, rules: PathRules, content: bytes, why: str) -> None:
    (root / "x").write_bytes(content)
    assert (
        rules.problem("safetensors", str(root / "x")) == f"This is not a safetensors file: {why}."
    )


@pytest.mark.parametrize("cut", [-4, 1, 4])
def test_a_file_cut_short_or_run_on_is_not_taken(root: Path, rules: PathRules, cut: int) -> None:
    path = safetensors(root / "x", cut=max(cut, 0))
    if cut < 0:
        path.write_bytes(path.read_bytes() + b"more")
    assert "longer or shorter" in str(rules.problem("safetensors", str(path)))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([], "it holds no object"),
        ({}, "a value is no index"),
        ({"cat": "zero"}, "a value is no index"),
        ({"cat": True}, "a value is no index"),
        ({"cat": -1}, "a value is no index"),
        ({"cat": 1, "dog": 1}, "two tags have one index"),
    ],
)
def test_what_is_no_list_of_tags(root: Path, rules: PathRules, content: object, why: str) -> None:
    path = tags(root / "tags.json", content)
    assert rules.problem("tags", str(path)) == f"This is not a JSON file of tag to index: {why}."


def test_json_that_nests_without_end_is_refused(root: Path, rules: PathRules) -> None:
    (root / "tags.json").write_text("[" * 100_000, encoding="utf-8")
    assert "cannot be read as JSON" in str(rules.problem("tags", str(root / "tags.json")))


def test_the_roots_are_those_of_the_environment_or_the_two_stores(tmp_path: Path) -> None:
    state, cache = tmp_path / "state", tmp_path / "cache"
    assert allowed_roots(None, state_dir=state, cache_dir=cache) == (state, cache)
    listed = f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}{os.pathsep}"
    assert allowed_roots(listed, state_dir=state, cache_dir=cache) == (
        tmp_path / "a",
        tmp_path / "b",
    )


def test_a_path_is_checked_when_it_is_saved(root: Path, tmp_path: Path) -> None:
    configuration = service(tmp_path)
    with pytest.raises(ConfigInvalid) as caught:
        configuration.update(
            ADA, "jtp2", {"model_path": "/etc/passwd", "tags_path": str(root / "none")}
        )
    assert caught.value.fields == {
        "model_path": OUTSIDE,
        "tags_path": "There is no file at this path.",
    }
    path = safetensors(root / "a.safetensors")
    view = configuration.update(ADA, "jtp2", {"model_path": str(path)})
    assert view.config["model_path"] == str(path) and view.problems == {}


def test_a_file_that_is_gone_is_named_and_other_fields_can_still_be_saved(
    root: Path, tmp_path: Path
) -> None:
    configuration = service(tmp_path)
    path = safetensors(root / "a.safetensors")
    configuration.update(ADA, "jtp2", {"model_path": str(path)})
    path.unlink()
    view = configuration.update(ADA, "jtp2", {"threshold": 0.5})
    assert view.problems == {"model_path": "There is no file at this path."}
    configuration.update(ADA, "jtp2", {"model_path": ""})
    with pytest.raises(ConfigInvalid):
        configuration.rollback(ADA, "jtp2", 1)
    assert configuration.get(ADA, "jtp2").version == 3
