"""Repairs: exactly the damaged files come back, from a real hub, and nothing is lost meanwhile."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir, snapshot_download

from tests.standins.hub import Hub, Pattern, Stall, Status
from tests.standins.waiting import wait_until
from tests.test_clients.caches import RepoMaker, content_bytes, picture, sha256
from tests.test_services.cache_kit import ADMIN, USER, CacheKit, checked, repaired, working
from yipyap_core.domain.deletion import PlanKind, PlanRequest
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.jobs import Phase
from yipyap_core.domain.verification import Damage
from yipyap_core.errors import DownloadsDisabled, Forbidden, ModelInUse
from yipyap_core.services.cache.repair_work import REPAIRS_DIR
from yipyap_core.transfer import linking

FILES = {"config.json": b"{}", "a.safetensors": b"a" * 50_000, "b.safetensors": b"b" * 50_000}


class House:
    """A cache that the hub's own client has filled with one repository."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.hub = hub
        self.kit = CacheKit(folder / "hub", folder / "db.sqlite3", endpoint=hub.endpoint)
        self.commit = hub.add_repo("org/name", FILES)
        self.fetch()

    @property
    def root(self) -> Path:
        return self.kit.cache_dir / "models--org--name"

    @property
    def snapshot(self) -> Path:
        return self.root / "snapshots" / self.commit

    def fetch(self) -> None:
        cache_dir, endpoint = self.kit.cache_dir, self.hub.endpoint
        snapshot_download("org/name", cache_dir=cache_dir, endpoint=endpoint)

    def damage(self, name: str) -> bytes:
        """Turn one byte over; returns the whole damaged content."""
        path = (self.snapshot / name).resolve()
        content = bytearray(path.read_bytes())
        content[0] ^= 1
        path.write_bytes(content)
        return bytes(content)

    def mislead(self, name: str, other: str) -> None:
        """Let a name lead to the blob of another."""
        (self.snapshot / name).unlink()
        (self.snapshot / name).symlink_to(f"../../blobs/{self.blob_name(other)}")

    def blob_name(self, name: str) -> str:
        return (self.snapshot / name).resolve().name

    def fetched(self) -> list[str]:
        """Names of files whose bytes the hub gave since the log began anew, once for each time."""
        given = (one for one in self.hub.requests if one.status in {200, 206})
        return sorted(one.file for one in given if one.file and one.method == "GET")

    def is_sound(self) -> bool:
        """Whether a check finds nothing, and the real client neither."""
        scan = scan_cache_dir(self.kit.cache_dir)
        return not checked(self.kit).report.mismatches and not scan.warnings


@pytest.fixture
def house(tmp_path: Path, hub: Hub) -> House:
    house = House(tmp_path, hub)
    hub.forget_requests()
    return house


def test_only_the_damaged_file_is_fetched_and_no_registry_is_needed(house: House) -> None:
    house.damage("a.safetensors")

    [repair] = repaired(house.kit, checked(house.kit).verify_id)

    assert (repair.repo_id, repair.commit, repair.files) == (
        "org/name",
        house.commit,
        ("a.safetensors",),
    )
    assert (repair.status.status, repair.status.phase) == (DownloadState.COMPLETED, Phase.DONE)
    assert repair.status.progress.bytes_total == 50_000
    assert (repair.problem, repair.by_hand) == (None, None)
    assert house.fetched() == ["a.safetensors"]
    assert {name: (house.snapshot / name).read_bytes() for name in FILES} == FILES
    assert not list((house.kit.cache_dir / REPAIRS_DIR).iterdir())
    assert house.kit.changes > 0
    assert house.is_sound()


def test_every_revision_gets_its_own_files_and_a_shared_one_once(house: House) -> None:
    old, first = house.commit, house.snapshot
    house.commit = house.hub.commit("org/name", {"b.safetensors": b"new" * 1000})
    house.fetch()
    house.hub.forget_requests()
    house.damage("a.safetensors")
    (first / "b.safetensors").resolve().write_bytes(b"x" * 50_000)

    repairs = repaired(house.kit, checked(house.kit).verify_id)

    assert {one.commit: set(one.files) for one in repairs} == {
        old: {"a.safetensors", "b.safetensors"},
        house.commit: {"a.safetensors"},
    }
    assert house.fetched() == ["a.safetensors", "b.safetensors"]
    assert (first / "b.safetensors").read_bytes() == FILES["b.safetensors"]
    assert (house.snapshot / "b.safetensors").read_bytes() == b"new" * 1000
    assert house.is_sound()


def test_a_name_of_another_file_is_put_right_without_the_hub(house: House) -> None:
    house.mislead("a.safetensors", "b.safetensors")
    house.hub.stop()
    view = checked(house.kit)
    assert [one.kind for one in view.report.mismatches] == [Damage.OTHER_FILE]

    [repair] = repaired(house.kit, view.verify_id)

    assert repair.status.status is DownloadState.COMPLETED
    assert (house.snapshot / "a.safetensors").read_bytes() == FILES["a.safetensors"]
    assert house.is_sound()


def test_a_name_of_another_file_gets_its_own_content(house: House) -> None:
    (house.snapshot / "a.safetensors").resolve().unlink()
    house.mislead("a.safetensors", "b.safetensors")

    repaired(house.kit, checked(house.kit).verify_id)

    assert house.fetched() == ["a.safetensors"]
    assert (house.snapshot / "a.safetensors").read_bytes() == FILES["a.safetensors"]
    assert (house.snapshot / "b.safetensors").read_bytes() == FILES["b.safetensors"]
    assert house.is_sound()


@pytest.mark.parametrize("with_listing", [True, False])
def test_a_lost_content_comes_back(house: House, with_listing: bool) -> None:
    (house.snapshot / "a.safetensors").resolve().unlink()
    if not with_listing:
        for tree in (house.root / "trees").iterdir():
            tree.unlink()

    [repair] = repaired(house.kit, checked(house.kit).verify_id)

    assert repair.status.status is DownloadState.COMPLETED
    assert house.fetched() == ["a.safetensors"]
    assert house.is_sound()


def test_a_file_that_cannot_be_read_is_replaced(house: House) -> None:
    blob = (house.snapshot / "a.safetensors").resolve()
    blob.unlink()
    blob.symlink_to("/proc/self/mem")

    repaired(house.kit, checked(house.kit).verify_id)

    assert not blob.is_symlink()
    assert house.is_sound()


def test_a_file_that_lies_in_the_snapshot_itself_is_replaced(house: House) -> None:
    (house.snapshot / "a.safetensors").resolve().unlink()
    (house.snapshot / "a.safetensors").unlink()
    (house.snapshot / "a.safetensors").write_bytes(b"x" * 50_000)

    repaired(house.kit, checked(house.kit).verify_id)

    assert (house.snapshot / "a.safetensors").read_bytes() == FILES["a.safetensors"]
    assert house.is_sound()


def test_nothing_is_lost_while_the_hub_is_away_and_a_retry_repairs(house: House) -> None:
    house.damage("a.safetensors")
    (house.snapshot / "b.safetensors").resolve().unlink()
    before = picture(house.root)
    view = checked(house.kit)
    house.hub.stop()

    [away] = repaired(house.kit, view.verify_id)

    assert away.status.status is DownloadState.FAILED
    assert away.status.error is not None
    assert (away.status.error.code, away.status.error.retryable) == ("hub_unreachable", True)
    assert away.problem == away.status.error.message
    assert away.by_hand == (
        f"hf download org/name a.safetensors b.safetensors --revision {house.commit}"
        f" --cache-dir {house.kit.cache_dir} --force-download"
    )
    assert picture(house.root) == before
    house.hub.start()

    [back] = repaired(house.kit, view.verify_id)

    assert back.repair_id == away.repair_id
    assert back.status.status is DownloadState.COMPLETED
    assert house.is_sound()


def test_what_the_hub_no_longer_has_fails_with_its_names_and_stays(house: House) -> None:
    damaged = house.damage("a.safetensors")
    for tree in (house.root / "trees").iterdir():
        tree.unlink()
    house.hub.remove_repo("org/name")

    [repair] = repaired(house.kit, checked(house.kit).verify_id)

    assert repair.status.error is not None
    assert repair.status.error.code == "repository_not_found"
    assert repair.status.error.hint
    assert repair.files == ("a.safetensors",)
    assert (house.snapshot / "a.safetensors").read_bytes() == damaged
    assert [one.repair_id for one in house.kit.service.repair.repairs(ADMIN)] == [repair.repair_id]


def test_a_commit_that_the_hub_has_rewritten_cannot_be_repaired_by_a_retry(house: House) -> None:
    damaged = house.damage("a.safetensors")
    house.hub.inject(Status(404, "RevisionNotFound"), path="a.safetensors")

    [repair] = repaired(house.kit, checked(house.kit).verify_id)

    assert repair.status.error is not None
    assert (repair.status.error.code, repair.status.error.retryable) == (
        "revision_not_found",
        False,
    )
    assert "as the publisher has it now" in repair.status.error.hint
    assert (house.snapshot / "a.safetensors").read_bytes() == damaged


def test_what_the_publisher_never_had_is_named_and_the_rest_repaired(house: House) -> None:
    house.damage("a.safetensors")
    (house.snapshot / "lost.bin").symlink_to("../../blobs/nowhere")

    [repair] = repaired(house.kit, checked(house.kit).verify_id)

    assert repair.status.error is not None
    assert repair.status.error.code == "file_not_found"
    assert "lost.bin" in repair.status.error.message
    assert (house.snapshot / "a.safetensors").read_bytes() == FILES["a.safetensors"]


def test_without_links_the_names_themselves_are_repaired(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "the volume has no links")

    monkeypatch.setattr(linking, "make_link", refuse)
    kit = CacheKit(tmp_path / "hub", tmp_path / "db.sqlite3", endpoint=hub.endpoint)
    files = {**FILES, "twin.safetensors": FILES["a.safetensors"]}
    repo = RepoMaker(kit.cache_dir)
    commit = repo.commit(files, commit=hub.add_repo("org/name", files), links=False)
    repo.listing(commit, files)
    snapshot = repo.root / "snapshots" / commit
    for name in ("a.safetensors", "twin.safetensors", "b.safetensors"):
        (snapshot / name).write_bytes(b"x" * 50_000)

    [repair] = repaired(kit, checked(kit).verify_id)

    assert repair.status.status is DownloadState.COMPLETED
    assert {path.name: path.read_bytes() for path in snapshot.iterdir()} == files
    assert list((repo.root / "blobs").iterdir()) == []


def test_a_repository_of_no_hub_is_refused_with_its_name(house: House) -> None:
    repo = RepoMaker(house.kit.cache_dir, "org/kernel", "kernel")
    repo.commit({"a.bin": b"1" * 10})
    repo.blob(b"1" * 10).write_bytes(b"2" * 10)

    [repair] = repaired(house.kit, checked(house.kit, repo.folder).verify_id)

    assert repair.status.error is not None
    assert repair.status.error.code == "not_fetchable"
    assert repair.problem is not None
    assert "kernels--org--kernel" in repair.problem


def test_without_room_the_damaged_file_stays(house: House) -> None:
    damaged = house.damage("a.safetensors")
    house.kit.free_bytes = 10

    [repair] = repaired(house.kit, checked(house.kit).verify_id)

    assert repair.status.error is not None
    assert repair.status.error.code == "insufficient_storage"
    assert (house.snapshot / "a.safetensors").read_bytes() == damaged


LARGE = 6_000_000


def stalled_repair(house: House) -> tuple[Stall, str]:
    """A repair of a large file that has come to a halt in the middle."""
    house.commit = house.hub.commit("org/name", {"large.safetensors": Pattern(LARGE)})
    house.fetch()
    house.damage("large.safetensors")
    verify_id = checked(house.kit).verify_id
    stall = Stall(after_bytes=1_000_000)
    house.hub.inject(stall, path="*large.safetensors")
    house.hub.forget_requests()
    return stall, verify_id


def test_a_repair_goes_on_after_a_restart(house: House) -> None:
    _, verify_id = stalled_repair(house)
    with working(house.kit):
        [begun] = house.kit.service.repair.repair(ADMIN, verify_id)
        house.hub.wait_for_bytes(1_000_000)
        assert house.kit.service.repair.in_use() == {"models--org--name": "being repaired"}
    house.hub.clear_faults()
    house.hub.forget_requests()
    repair = house.kit.service.repair  # of the next process
    assert repair.running(ADMIN) == (begun.repair_id,)

    with working(house.kit):
        wait_until(lambda: not repair.running(ADMIN), timeout_seconds=30, last=list)

    assert repair.get(ADMIN, begun.repair_id).status.status is DownloadState.COMPLETED
    assert house.hub.bytes_sent("*large.safetensors", port="cdn") < LARGE
    assert house.is_sound()


def test_a_cancelled_repair_leaves_the_cache_as_it_was(house: House) -> None:
    _, verify_id = stalled_repair(house)
    before = picture(house.root)
    repair = house.kit.service.repair
    with working(house.kit):
        [begun] = repair.repair(ADMIN, verify_id)
        house.hub.wait_for_bytes(1_000_000)
        with pytest.raises(ModelInUse, match="being repaired"):
            wanted = PlanRequest(PlanKind.REPOSITORY, "models--org--name")
            house.kit.service.deletion.delete(ADMIN, wanted)
        ended = repair.cancel(ADMIN, begun.repair_id)
        house.hub.clear_faults()

    assert ended.status.phase is Phase.CANCELLED
    assert picture(house.root) == before
    assert not list((house.kit.cache_dir / REPAIRS_DIR).iterdir())


def test_a_repair_is_for_administrators_and_not_where_downloads_are_disabled(house: House) -> None:
    house.damage("a.safetensors")
    before = picture(house.root)
    verify_id = checked(house.kit).verify_id
    repair = house.kit.service.repair
    for ask in (repair.repair, repair.get, repair.cancel, repair.repairs):
        with pytest.raises(Forbidden):
            ask(USER, verify_id)
    with pytest.raises(Forbidden):
        repair.running(USER)
    house.kit.disabled = True

    with pytest.raises(DownloadsDisabled):
        repair.repair(ADMIN, verify_id)

    assert repair.repairs(ADMIN) == ()
    assert picture(house.root) == before


def test_a_second_press_joins_the_first(house: House) -> None:
    house.damage("a.safetensors")
    verify_id = checked(house.kit).verify_id
    repair = house.kit.service.repair

    first, second = repair.repair(ADMIN, verify_id), repair.repair(ADMIN, verify_id)

    assert [one.repair_id for one in first] == [one.repair_id for one in second]
    assert content_bytes(house.kit.cache_dir) == 100_002
    assert sha256(FILES["b.safetensors"]) in {one.name for one in (house.root / "blobs").iterdir()}
