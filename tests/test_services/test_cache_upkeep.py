"""The trash's upkeep: what is old, what was cut short, and what is in the way of others goes."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.standins.mounting import run_where_anybody_mounts
from tests.test_clients.caches import RepoMaker, content_bytes, sha256
from tests.test_services.cache_kit import ADMIN, CacheKit, two_revisions
from yipyap_core.clients.cache_trash import TRASH_DIR
from yipyap_core.clients.trash_notes import PURGED, begin_purge
from yipyap_core.domain.deletion import PlanKind, PlanRequest
from yipyap_core.domain.trash import TrashState
from yipyap_core.errors import InsufficientStorage
from yipyap_core.services.cache.deletion import PlanIsStale, UnknownTrash
from yipyap_core.services.downloads.space import SpaceBook
from yipyap_core.stores.cache import PlanStore

MIB = 1 << 20
RESERVE = 4 * MIB
EVERYTHING = PlanRequest(PlanKind.EVERYTHING)


@pytest.fixture
def kit(tmp_path: Path) -> CacheKit:
    (tmp_path / "hub").mkdir()
    return CacheKit(tmp_path / "hub")


def test_old_entries_are_purged(kit: CacheKit) -> None:
    two_revisions(kit.cache_dir)
    kit.service.deletion.delete(ADMIN, EVERYTHING)
    kit.now += dt.timedelta(days=6)
    young = kit.service.upkeep.run()
    kit.now += dt.timedelta(days=2)

    assert (young, kit.service.upkeep.run()) == (0, 600)
    assert content_bytes(kit.cache_dir, trash=True) == 0


def test_a_purge_that_was_cut_short_is_ended_and_nothing_half_comes_back(kit: CacheKit) -> None:
    RepoMaker(kit.cache_dir).commit({"x.bin": b"1" * 100, "y.bin": b"2" * 50})
    done = kit.service.deletion.delete(ADMIN, EVERYTHING)
    place = kit.cache_dir / TRASH_DIR / (done.trash_id or "")
    begin_purge(place)
    (place / PURGED / "models--org--name" / "blobs" / sha256(b"1" * 100)).unlink()

    with pytest.raises(UnknownTrash, match="being freed"):
        kit.service.deletion.restore(ADMIN, done.trash_id or "")
    assert kit.service.upkeep.run() == 50
    assert not place.exists()
    assert kit.service.deletion.trash(ADMIN) == ()


def test_an_entry_of_which_only_the_note_is_left_is_not_shown_as_kept(kit: CacheKit) -> None:
    RepoMaker(kit.cache_dir).commit({"x.bin": b"1" * 100})
    done = kit.service.deletion.delete(ADMIN, EVERYTHING)
    place = kit.cache_dir / TRASH_DIR / (done.trash_id or "")
    begin_purge(place)
    shutil.rmtree(place / PURGED)

    [entry] = kit.service.deletion.trash(ADMIN)

    assert entry.state is TrashState.PURGING
    assert kit.service.upkeep.run() == 0
    assert not place.exists()


def test_a_plan_whose_purge_was_cut_short_does_not_take_what_came_since(kit: CacheKit) -> None:
    repo = RepoMaker(kit.cache_dir)
    repo.commit({"x.bin": b"1" * 100})
    deletion = kit.service.deletion
    plan = deletion.plan(ADMIN, EVERYTHING)
    done = deletion.execute(ADMIN, plan.plan_id)
    PlanStore(kit.engine).set_state(plan.plan_id, "executing")
    begin_purge(kit.cache_dir / TRASH_DIR / (done.trash_id or ""))
    repo.commit({"y.bin": b"2" * 50})

    with pytest.raises(PlanIsStale) as stale:
        deletion.execute(ADMIN, plan.plan_id, purge=True)

    assert stale.value.plan.freed_bytes == content_bytes(kit.cache_dir) == 50


def test_under_pressure_the_oldest_goes_first(kit: CacheKit) -> None:
    for name in ("a", "b"):
        RepoMaker(kit.cache_dir, f"org/{name}").commit({"x.bin": b"1" * 100})
        kit.service.deletion.delete(ADMIN, EVERYTHING)
        kit.now += dt.timedelta(hours=1)
    disk = kit.service.info(ADMIN).disk
    assert disk

    assert kit.service.upkeep.make_room(0) == 0
    assert kit.service.upkeep.make_room(disk.total_bytes * 2) == 200
    assert kit.service.deletion.trash(ADMIN) == ()


def test_the_trash_gives_way_to_a_download_when_that_is_enough(kit: CacheKit) -> None:
    for name in ("a", "b", "c"):
        RepoMaker(kit.cache_dir, f"org/{name}").commit({"x.bin": b"1" * 100})
        kit.service.deletion.delete(ADMIN, EVERYTHING)
        kit.now += dt.timedelta(hours=1)

    assert kit.service.upkeep.give_way(301) == 0
    assert kit.service.upkeep.give_way(150) == 200
    [youngest] = kit.service.deletion.trash(ADMIN)
    assert youngest.items[0].repo_id == "org/c"


def test_a_download_is_not_refused_while_the_trash_has_the_room(kit: CacheKit) -> None:
    RepoMaker(kit.cache_dir).commit({"x.bin": b"1" * 500})
    kit.service.deletion.delete(ADMIN, EVERYTHING)
    space = SpaceBook(
        store=kit.jobs,
        cache_dir=kit.cache_dir,
        reserve_bytes=0,
        free_bytes=lambda folder: 600 - content_bytes(folder, trash=True),
    )
    with pytest.raises(InsufficientStorage):
        space.check(400)

    space.use_trash(kit.service.upkeep.give_way)
    space.check(400)

    assert kit.service.deletion.trash(ADMIN) == ()


def test_an_unreadable_note_hides_nothing(kit: CacheKit) -> None:
    repo, _, _ = two_revisions(kit.cache_dir)
    done = kit.service.deletion.delete(ADMIN, EVERYTHING)
    [note] = (kit.cache_dir / ".locks").rglob("entry.json")
    note.write_text("{")

    [entry] = kit.service.deletion.trash(ADMIN)
    assert (entry.id, entry.items[0].repo_id) == (done.trash_id, "org/name")
    kit.service.deletion.restore(ADMIN, entry.id)
    assert repo.root.exists()


# a volume that is really full


def test_the_trash_gives_way_when_another_program_fills_the_volume(tmp_path: Path) -> None:
    """In a namespace of its own, where anybody may mount."""
    volume = tmp_path / "volume"
    volume.mkdir()
    script = f"mount -t tmpfs -o size=24m tmpfs {volume} && {sys.executable} -m {__name__} {volume}"

    steps = json.loads(run_where_anybody_mounts(script))
    assert steps["with room"] == {"freed": 0, "left": ["org/c", "org/b", "org/a"]}
    assert steps["filled by another"] == {"freed": 3 * MIB, "left": ["org/c", "org/b"]}
    assert steps["filled again"] == {"freed": 6 * MIB, "left": []}
    assert steps["no trash left"] == {"freed": 0, "left": []}


def fill_up(volume: Path) -> None:
    """What the test above runs on its volume."""
    kit = CacheKit(volume / "hub", volume / "db.sqlite3", reserve_bytes=RESERVE)
    kit.cache_dir.mkdir()
    for name in ("a", "b", "c"):
        RepoMaker(kit.cache_dir, f"org/{name}").commit({"x.bin": name.encode() * 3 * MIB})
        kit.service.deletion.delete(ADMIN, EVERYTHING)
        kit.now += dt.timedelta(minutes=1)
    steps = {"with room": _look(kit)}
    for step, lacking in (("filled by another", MIB), ("filled again", 4 * MIB)):
        spare = shutil.disk_usage(volume).free - RESERVE
        (volume / step).write_bytes(b"x" * (spare + lacking))
        steps[step] = _look(kit)
    steps["no trash left"] = _look(kit)
    sys.stdout.write(json.dumps(steps))


def _look(kit: CacheKit) -> dict[str, object]:
    freed = kit.service.upkeep.make_room()
    left = [entry.items[0].repo_id for entry in kit.service.deletion.trash(ADMIN)]
    return {"freed": freed, "left": left}


if __name__ == "__main__":
    fill_up(Path(sys.argv[1]))
