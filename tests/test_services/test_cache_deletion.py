"""Deletions: exact figures, nothing lost that stays, undo, kills in the middle."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import scan_cache_dir

from tests.test_clients.caches import RepoMaker, commit_id, content_bytes, picture, share
from tests.test_services.cache_kit import ADMIN, USER, CacheKit, two_revisions
from yipyap_core.domain.deletion import PlanKind, PlanRequest
from yipyap_core.domain.models import ModelSpec
from yipyap_core.errors import Forbidden, UnknownRepository
from yipyap_core.services.cache.deletion import PlanIsStale, UnknownPlan, UnknownTrash

EVERYTHING = PlanRequest(PlanKind.EVERYTHING)
PRUNE = PlanRequest(PlanKind.PRUNE)


@pytest.fixture
def kit(tmp_path: Path) -> CacheKit:
    (tmp_path / "hub").mkdir()
    return CacheKit(tmp_path / "hub")


def assert_sound(cache_dir: Path) -> None:
    assert not scan_cache_dir(cache_dir).warnings


def test_a_revision_goes_without_what_others_share(kit: CacheKit) -> None:
    repo, old, new = two_revisions(kit.cache_dir)
    request = PlanRequest(PlanKind.REVISION, repo.folder, old)

    plan = kit.service.deletion.plan(ADMIN, request)

    assert plan.freed_bytes == 100
    assert plan.freed_now_bytes == 0
    assert [(item.revisions, item.files, item.shared_with) for item in plan.items] == [
        ((old,), 1, (new,))
    ]
    before = content_bytes(kit.cache_dir)
    done = kit.service.deletion.execute(ADMIN, plan.plan_id)
    assert done.freed_bytes == before - content_bytes(kit.cache_dir) == 100
    assert content_bytes(kit.cache_dir, trash=True) == before
    assert not (repo.root / "refs" / "v1").exists()
    assert_sound(kit.cache_dir)
    assert kit.changes == 1


def test_a_revision_takes_its_listing_along(kit: CacheKit) -> None:
    repo, old, new = two_revisions(kit.cache_dir)
    listings = [repo.listing(commit, {"a.bin": b"1"}) for commit in (old, new)]
    before = picture(kit.cache_dir)

    done = kit.service.deletion.delete(ADMIN, PlanRequest(PlanKind.REVISION, repo.folder, old))

    assert [path.exists() for path in listings] == [False, True]
    kit.service.deletion.restore(ADMIN, done.trash_id or "")
    assert picture(kit.cache_dir) == before


@pytest.mark.parametrize("name", ["v1", "short"])
def test_a_revision_is_found_by_ref_and_by_the_start_of_its_commit(
    kit: CacheKit, name: str
) -> None:
    repo, old, _ = two_revisions(kit.cache_dir)
    request = PlanRequest(PlanKind.REVISION, repo.folder, old[:8] if name == "short" else name)

    assert kit.service.deletion.plan(ADMIN, request).items[0].revisions == (old,)


def test_the_last_revision_takes_the_repository_along(kit: CacheKit) -> None:
    repo = RepoMaker(kit.cache_dir)
    commit = repo.commit({"a.bin": b"1" * 100})

    kit.service.deletion.delete(ADMIN, PlanRequest(PlanKind.REVISION, repo.folder, commit))

    assert not repo.root.exists()


def test_the_last_revision_leaves_a_partial_file(kit: CacheKit) -> None:
    repo = RepoMaker(kit.cache_dir)
    commit = repo.commit({"a.bin": b"1" * 100})
    partial = repo.own_partial(50)

    done = kit.service.deletion.delete(ADMIN, PlanRequest(PlanKind.REVISION, repo.folder, commit))

    assert (done.freed_bytes, partial.exists()) == (100, True)
    assert_sound(kit.cache_dir)


def test_clear_takes_everything_and_undo_brings_it_back(kit: CacheKit) -> None:
    two_revisions(kit.cache_dir)
    RepoMaker(kit.cache_dir, "org/data", "dataset").commit({"t.bin": b"5" * 50}, links=False)
    RepoMaker(kit.cache_dir, "org/part").own_partial(70)
    before = picture(kit.cache_dir)

    done = kit.service.deletion.delete(ADMIN, EVERYTHING)

    assert done.freed_bytes == 100 + 200 + 300 + 50 + 70
    assert (done.trashed, done.freed_now_bytes) == (True, 0)
    assert picture(kit.cache_dir) == {}
    theirs = scan_cache_dir(kit.cache_dir)
    assert (theirs.warnings, len(theirs.repos), theirs.incomplete_files) == ([], 0, frozenset())
    [entry] = kit.service.deletion.trash(ADMIN)
    assert (entry.id, entry.bytes, entry.actor) == (done.trash_id, 720, "ada")
    report = kit.service.info(ADMIN)
    assert (report.total_size_bytes, report.trash_bytes, report.trash_entries) == (0, 720, 1)

    restored = kit.service.deletion.restore(ADMIN, entry.id)

    assert picture(kit.cache_dir) == before
    assert (restored.superseded, restored.lost) == ((), ())
    assert kit.service.deletion.trash(ADMIN) == ()
    assert_sound(kit.cache_dir)


def test_purge_frees_at_once(kit: CacheKit) -> None:
    two_revisions(kit.cache_dir)

    done = kit.service.deletion.delete(ADMIN, EVERYTHING, purge=True)

    assert (done.freed_bytes, done.freed_now_bytes, done.trashed) == (600, 600, False)
    assert content_bytes(kit.cache_dir, trash=True) == 0
    assert kit.service.deletion.trash(ADMIN) == ()


def test_purging_an_entry_gives_what_the_plan_said(kit: CacheKit) -> None:
    two_revisions(kit.cache_dir)
    done = kit.service.deletion.delete(ADMIN, EVERYTHING)
    assert done.trash_id

    assert kit.service.deletion.purge(ADMIN, done.trash_id) == done.freed_bytes == 600
    assert content_bytes(kit.cache_dir, trash=True) == 0


def test_prune_takes_partials_and_detached_revisions_only(kit: CacheKit) -> None:
    repo = RepoMaker(kit.cache_dir)
    loose = repo.commit({"a.bin": b"1" * 100, "same.bin": b"2" * 200}, refs=())
    repo.commit({"same.bin": b"2" * 200})
    repo.hub_partial(30)
    own = repo.own_partial(40)

    done = kit.service.deletion.delete(ADMIN, PRUNE)

    assert done.freed_bytes == 100 + 30 + 40
    assert done.deleted[0].revisions == (loose,)
    assert not own.with_name(f"{own.name}.json").exists()
    assert_sound(kit.cache_dir)


def test_prune_keeps_a_detached_revision_that_the_registry_names(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    repo = RepoMaker(tmp_path / "hub")
    commit = repo.commit({"a.bin": b"1"}, refs=())
    spec = ModelSpec("a", "A", "", "org/name", 1, "mit", revision=commit)

    kit = CacheKit(tmp_path / "hub", models=(spec,))

    assert kit.service.deletion.plan(ADMIN, PRUNE).is_empty


def test_what_is_in_use_is_kept_and_named(kit: CacheKit) -> None:
    used = RepoMaker(kit.cache_dir, "org/used")
    used.commit({"a.bin": b"1" * 100})
    RepoMaker(kit.cache_dir, "org/free").commit({"b.bin": b"2" * 200})
    kit.used[used.folder] = "loaded as wdv3-vit"

    plan = kit.service.deletion.plan(ADMIN, EVERYTHING)
    done = kit.service.deletion.execute(ADMIN, plan.plan_id)

    assert plan.freed_bytes == done.freed_bytes == 200
    assert [(item.repo_id, item.bytes) for item in plan.items if item.in_use] == [("org/used", 0)]
    assert [(one.repo_id, one.reason) for one in done.kept] == [("org/used", "loaded as wdv3-vit")]
    assert (used.root / "refs" / "main").exists()


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Hold a lock as another program does while it downloads."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_what_another_program_downloads_is_kept_and_named(kit: CacheKit) -> None:
    repo = RepoMaker(kit.cache_dir)
    repo.commit({"a.bin": b"1" * 100})
    live, dead = repo.hub_partial(30, "aa" * 32), repo.hub_partial(40, "bb" * 32)

    with held(repo.lock("aa" * 32)):
        everything = kit.service.deletion.delete(ADMIN, EVERYTHING)
        pruned = kit.service.deletion.delete(ADMIN, PRUNE)

    assert everything.deleted == ()
    assert "another program" in everything.kept[0].reason
    assert pruned.freed_bytes == 40
    assert (live.exists(), dead.exists()) == (True, False)


def test_a_stale_plan_is_refused_with_a_new_one(kit: CacheKit) -> None:
    two_revisions(kit.cache_dir)
    plan = kit.service.deletion.plan(ADMIN, EVERYTHING)
    RepoMaker(kit.cache_dir, "org/newer").commit({"n.bin": b"9" * 90})

    with pytest.raises(PlanIsStale) as caught:
        kit.service.deletion.execute(ADMIN, plan.plan_id)

    assert content_bytes(kit.cache_dir) == 690
    assert caught.value.plan.freed_bytes == 690
    assert kit.service.deletion.execute(ADMIN, caught.value.plan.plan_id).freed_bytes == 690


def test_a_plan_is_executed_once(kit: CacheKit) -> None:
    two_revisions(kit.cache_dir)
    plan = kit.service.deletion.plan(ADMIN, EVERYTHING)
    kit.service.deletion.execute(ADMIN, plan.plan_id)

    with pytest.raises(UnknownPlan):
        kit.service.deletion.execute(ADMIN, plan.plan_id)


def test_unknown_names_are_errors_of_their_own(kit: CacheKit) -> None:
    repo, _, _ = two_revisions(kit.cache_dir)
    deletion = kit.service.deletion
    with pytest.raises(UnknownRepository):
        deletion.plan(ADMIN, PlanRequest(PlanKind.REPOSITORY, "models--no--such"))
    with pytest.raises(UnknownRepository):
        deletion.plan(ADMIN, PlanRequest(PlanKind.REVISION, repo.folder, commit_id("none")))
    with pytest.raises(UnknownPlan):
        deletion.execute(ADMIN, "none")
    with pytest.raises(UnknownTrash):
        deletion.restore(ADMIN, "../../etc")
    with pytest.raises(UnknownTrash):
        deletion.purge(ADMIN, ".lock")


def test_only_administrators_delete(kit: CacheKit) -> None:
    two_revisions(kit.cache_dir)
    deletion = kit.service.deletion
    plan = deletion.plan(ADMIN, EVERYTHING)
    calls: list[Any] = [
        lambda: deletion.plan(USER, EVERYTHING),
        lambda: deletion.execute(USER, plan.plan_id),
        lambda: deletion.delete(USER, EVERYTHING),
        lambda: deletion.trash(USER),
        lambda: deletion.restore(USER, "x"),
        lambda: deletion.purge(USER, "x"),
        lambda: deletion.get(USER, plan.plan_id),
    ]
    for call in calls:
        with pytest.raises(Forbidden):
            call()
    assert content_bytes(kit.cache_dir) == 600


def test_an_empty_or_missing_cache_is_cleared_without_making_it(tmp_path: Path) -> None:
    kit = CacheKit(tmp_path / "none")

    done = kit.service.deletion.delete(ADMIN, EVERYTHING)

    assert (done.freed_bytes, done.deleted, done.kept) == (0, (), ())
    assert not (tmp_path / "none").exists()


def test_undo_leaves_what_was_downloaded_anew(kit: CacheKit) -> None:
    repo = RepoMaker(kit.cache_dir)
    old = repo.commit({"a.bin": b"1" * 100})
    done = kit.service.deletion.delete(ADMIN, EVERYTHING)
    assert done.trash_id
    new = repo.commit({"a.bin": b"1" * 100, "b.bin": b"2"})

    restored = kit.service.deletion.restore(ADMIN, done.trash_id)

    assert len(restored.superseded) == 2, "the blob and the ref"
    assert (repo.root / "refs" / "main").read_text() == new
    assert {path.name for path in (repo.root / "snapshots").iterdir()} == {old, new}
    assert_sound(kit.cache_dir)


def test_a_shared_payload_goes_with_its_last_blob_and_comes_back(kit: CacheKit) -> None:
    xet = "ab" + "0" * 62
    makers = [RepoMaker(kit.cache_dir, f"org/{name}") for name in "ab"]
    for maker in makers:
        maker.commit({"model.safetensors": b"s" * 1000})
        payload = share(maker, maker.blob(b"s" * 1000), xet)
    before = picture(kit.cache_dir)
    deletion = kit.service.deletion
    requests = [PlanRequest(PlanKind.REPOSITORY, maker.folder) for maker in makers]

    assert deletion.plan(ADMIN, EVERYTHING).freed_bytes == 1000
    assert deletion.delete(ADMIN, requests[0]).freed_bytes == 0
    assert payload.exists()
    assert deletion.delete(ADMIN, requests[1]).freed_bytes == 1000
    assert not payload.exists()
    assert_sound(kit.cache_dir)

    for entry in deletion.trash(ADMIN):
        assert deletion.restore(ADMIN, entry.id).lost == ()

    assert picture(kit.cache_dir) == before
    assert_sound(kit.cache_dir)
    assert deletion.plan(ADMIN, EVERYTHING).freed_bytes == 1000


def test_a_blob_that_another_repository_links_to_stays(kit: CacheKit) -> None:
    owner, guest = RepoMaker(kit.cache_dir, "org/owner"), RepoMaker(kit.cache_dir, "org/guest")
    owner.commit({"a.bin": b"1" * 100, "b.bin": b"2" * 200})
    guest.commit({})
    link = guest.root / "snapshots" / commit_id("org/guest/1") / "a.bin"
    link.symlink_to(owner.blob(b"1" * 100))

    done = kit.service.deletion.delete(ADMIN, PlanRequest(PlanKind.REPOSITORY, owner.folder))

    assert done.freed_bytes == 200
    assert link.read_bytes() == b"1" * 100


def test_a_hard_link_counts_only_when_all_names_go(kit: CacheKit) -> None:
    first, second = RepoMaker(kit.cache_dir, "org/a"), RepoMaker(kit.cache_dir, "org/b")
    first.commit({"a.bin": b"1" * 100})
    second.commit({"a.bin": b"1" * 100})
    blob = second.blob(b"1" * 100)
    blob.unlink()
    blob.hardlink_to(first.blob(b"1" * 100))
    deletion = kit.service.deletion

    assert deletion.plan(ADMIN, EVERYTHING).freed_bytes == 100
    assert deletion.plan(ADMIN, PlanRequest(PlanKind.REPOSITORY, first.folder)).freed_bytes == 0


def test_a_linked_folder_is_kept_with_the_reason(kit: CacheKit, tmp_path: Path) -> None:
    elsewhere = RepoMaker(tmp_path / "big-disk")
    elsewhere.commit({"a.bin": b"1" * 100})
    (kit.cache_dir / elsewhere.folder).symlink_to(elsewhere.root)

    done = kit.service.deletion.delete(ADMIN, EVERYTHING)

    assert "link to another place" in done.kept[0].reason
    assert elsewhere.blob(b"1" * 100).exists()
