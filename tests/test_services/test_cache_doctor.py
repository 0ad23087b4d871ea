"""The store doctor on folders that are sound, missing, closed or doubled."""

from __future__ import annotations

import fcntl
import os
import pickle
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_clients.caches import RepoMaker
from yipyap_core.clients import cache_probe
from yipyap_core.clients.hub_cache import HubCache
from yipyap_core.domain.doctor import Finding, Health
from yipyap_core.services.cache.doctor import StoreDoctor
from yipyap_core.settings import CacheLocation, other_hub_caches

ROOTS_EMPTY_FOLDERS = ("/srv", "/mnt", "/media", "/opt", "/usr/local/etc", "/usr/local/games")


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


def run(line: str | None) -> str:
    """Let a shell run a finding's line, as people would."""
    assert line is not None
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def bad_until_its_line_has_run(path: Path) -> Finding:
    finding = examine(path)["Exists"]
    assert finding.health is Health.BAD
    run(finding.fix)
    assert examine(path)["Exists"].health is Health.GOOD
    return finding


def test_a_file_in_its_place_is_bad(tmp_path: Path) -> None:
    (tmp_path / "the hub").write_text("kept")

    bad_until_its_line_has_run(tmp_path / "the hub")

    assert (tmp_path / "the hub.old").read_text() == "kept"


@pytest.mark.parametrize("below", ["", "further down"])
def test_a_link_that_leads_nowhere_is_bad(tmp_path: Path, below: str) -> None:
    (tmp_path / "my link").symlink_to(tmp_path / "gone" / "it's")

    finding = bad_until_its_line_has_run(tmp_path / "my link" / below)

    assert f"{tmp_path}/my link is a link" in finding.answer
    assert (tmp_path / "my link").is_symlink()


def test_a_link_that_leads_to_itself_is_bad(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")

    bad_until_its_line_has_run(tmp_path / "loop")


def test_a_path_below_a_file_is_bad(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()

    finding = bad_until_its_line_has_run(tmp_path / "a file" / "hub")

    assert f"{tmp_path}/a file is no folder" in finding.answer


def as_nobody(path: Path) -> dict[str, Finding]:
    """What the doctor says as nobody, in a process of its own: root may write everywhere."""
    code = (
        "import os, pickle, sys\n"
        "from pathlib import Path\n"
        "from tests.test_services.test_cache_doctor import examine\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "sys.stdout.buffer.write(pickle.dumps(examine(Path(sys.argv[1]))))\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[2])
    found: dict[str, Finding] = pickle.loads(done.stdout)
    return found


def parses(line: str | None) -> list[str]:
    """The words of a line that only an administrator of the machine may run."""
    assert line is not None
    assert subprocess.run(["bash", "-n", "-c", line], check=False).returncode == 0
    return shlex.split(line)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are closed again at each start of it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_folder_that_may_not_be_made_is_bad(open_folder: Path) -> None:
    (open_folder / "closed").mkdir(0o555)
    path = open_folder / "closed" / "with space" / "hub"

    finding = as_nobody(path)["Exists"]

    assert finding.health is Health.BAD
    assert f"can make nothing in {open_folder}/closed" in finding.answer
    assert parses(finding.fix)[:4] == ["sudo", "install", "-d", "-o"]
    assert parses(finding.fix)[-1] == str(path)


@pytest.fixture
def foreign_folder(open_folder: Path) -> Path:
    """A folder of root's, for a test that looks at it as somebody else."""
    if os.geteuid() != 0:
        return next(one for one in map(Path, ROOTS_EMPTY_FOLDERS) if _is_empty(one))
    folder = open_folder / "with space"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def test_a_folder_of_another_user_comes_with_the_line_that_hands_it_over(
    foreign_folder: Path,
) -> None:
    finding = as_nobody(foreign_folder)["Owner"]

    assert finding.health is Health.NOTE
    assert parses(finding.fix)[:3] == ["sudo", "chown", "-R"]
    assert parses(finding.fix)[-1] == str(foreign_folder)


def test_a_folder_that_holds_other_things_is_not_handed_over() -> None:
    fix = as_nobody(Path("/"))["Owner"].fix or ""

    assert "chown" not in fix
    assert "/huggingface-hub && export HF_HUB_CACHE=/huggingface-hub" in fix


def test_a_full_volume_is_bad_and_the_line_tells_what_takes_the_room(tmp_path: Path) -> None:
    (tmp_path / "big one").mkdir()

    finding = examine(tmp_path, reserve_bytes=1 << 60)["Free space"]

    assert finding.health is Health.BAD
    assert f"{tmp_path}/big one" in run(finding.fix)


def test_a_volume_that_can_less_comes_with_the_line_that_chooses_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probes are patched, since no such volume can be mounted everywhere."""
    monkeypatch.setattr(cache_probe, "has_locks", lambda path: not path)
    monkeypatch.setattr(cache_probe, "has_symlinks", lambda path: not path)
    volume = cache_probe.volume_of(tmp_path)
    assert volume is not None
    monkeypatch.setattr(cache_probe, "NETWORK_FILE_SYSTEMS", {volume.file_system})

    findings = examine(tmp_path)

    for question in ("Locks", "Symbolic links", "Volume"):
        assert findings[question].health is not Health.GOOD
        assert run(f"{findings[question].fix} && echo $HF_HUB_CACHE").startswith("/")


def test_what_the_system_does_not_tell_can_be_asked_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system without mounts and sizes, which no test can have."""
    monkeypatch.setattr(cache_probe, "_mounts", list)
    monkeypatch.setattr(HubCache, "disk", lambda self: self and None)

    findings = examine(tmp_path / "not there")

    for question in ("Volume", "Free space"):
        assert findings[question].health is Health.NOTE
        assert run(findings[question].fix)


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


def test_a_volume_that_never_answers_a_lock_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(fcntl, "flock", lambda *_: answers.wait(30))
    assert not cache_probe.has_locks(tmp_path, patience_seconds=0.1)
    answers.set()
