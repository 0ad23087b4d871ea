"""The cache service beside deletion: totals, memory, suggestions, checks."""

from __future__ import annotations

import datetime as dt
import json
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download
from hypothesis import given
from hypothesis import strategies as st

from tests.standins.hub import Hub
from tests.test_clients.caches import RepoMaker, content_bytes, git_sha1, sha256, share
from tests.test_services.cache_kit import ADMIN, START, USER, CacheKit, checked, two_revisions
from yipyap_core.clients.cache_faults import CacheVolumeFull
from yipyap_core.domain.deletion import PlanKind, PlanRequest
from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.domain.jobs import Phase, Progress
from yipyap_core.domain.models import ModelSpec
from yipyap_core.domain.reclaim import ReclaimKind, pickle_twins
from yipyap_core.domain.verification import Damage
from yipyap_core.errors import Forbidden, ModelInUse, UnknownModel
from yipyap_core.services.cache.usage import DownloadUsage

EVERYTHING = PlanRequest(PlanKind.EVERYTHING)


@pytest.fixture
def kit(tmp_path: Path) -> CacheKit:
    (tmp_path / "hub").mkdir()
    return CacheKit(tmp_path / "hub")


# what is there


def test_the_latest_report_tells_of_a_download_that_has_ended(kit: CacheKit) -> None:
    assert kit.service.latest(ADMIN).total_size_bytes == 0
    RepoMaker(kit.cache_dir, "org/name").commit({"a.bin": b"5" * 50})
    assert kit.service.latest(ADMIN).total_size_bytes == 0  # nobody has told

    kit.service.expect_change()

    assert kit.service.latest(ADMIN).total_size_bytes == 50
    assert kit.service.total_size_bytes == 50


def test_info_tells_totals_and_what_is_known_of_each(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    spec = ModelSpec("mine", "Mine", "", "org/name", 1, "mit")
    kit = CacheKit(tmp_path / "hub", models=(spec,))
    repo, _, _ = two_revisions(kit.cache_dir)
    RepoMaker(kit.cache_dir, "org/data", "dataset").commit({"t.bin": b"5" * 50})
    repo.own_partial(7)
    kit.used[repo.folder] = "loaded as mine"
    kit.service.record_use(repo.folder)

    report = kit.service.info(ADMIN)

    assert (report.total_size_bytes, report.partial_bytes) == (650, 7)
    assert (report.model_count, report.repo_count) == (1, 2)
    first = report.models[0]
    assert (first.repo_id, first.registry_ids, first.used_by) == (
        "org/name",
        ("mine",),
        ("loaded as mine",),
    )
    assert first.last_used == START
    assert kit.service.total_size_bytes == 650


def test_the_last_walk_is_there_after_a_restart_without_touching_the_cache(
    kit: CacheKit,
) -> None:
    repo, _, _ = two_revisions(kit.cache_dir)
    kit.service.info(ADMIN)
    again = kit.restarted()
    repo.root.rename(kit.cache_dir / "gone")

    assert again.latest(ADMIN).total_size_bytes == 600
    assert again.total_size_bytes == 600
    assert again.info(ADMIN).total_size_bytes == 0


def test_generation_moves_with_changes_only(kit: CacheKit) -> None:
    kit.service.info(ADMIN)
    before = kit.service.generation
    kit.service.info(ADMIN)
    unchanged = kit.service.generation
    two_revisions(kit.cache_dir)
    kit.service.info(ADMIN)

    assert unchanged == before
    assert kit.service.generation > before


def test_readers_at_the_same_time_all_see_what_was_there_before_they_asked(
    kit: CacheKit,
) -> None:
    two_revisions(kit.cache_dir)
    start = threading.Barrier(8)
    totals: list[int] = []

    def look() -> None:
        start.wait()
        totals.append(kit.service.info(ADMIN).total_size_bytes)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert totals == [600] * 8


def test_only_administrators_look(kit: CacheKit) -> None:
    service = kit.service
    for call in (
        service.info,
        service.latest,
        service.refresh,
        service.reclaimable,
        service.examine,
        service.verification.start,
        service.verification.checks,
    ):
        with pytest.raises(Forbidden):
            call(USER)
    for ask in (service.find, service.verification.get, service.verification.cancel):
        with pytest.raises(Forbidden):
            ask(USER, "x")
    with pytest.raises(Forbidden):
        service.repair.repair(USER, "x")


def test_downloads_are_named_as_users(tmp_path: Path) -> None:
    specs = [ModelSpec(name, name, "", f"org/{name}", 1, "mit") for name in ("a", "b", "c")]
    kit = CacheKit(tmp_path, models=tuple(specs))
    states = {
        "a": (DownloadState.DOWNLOADING, Phase.TRANSFERRING),
        "b": (DownloadState.DOWNLOADING, Phase.PAUSED),
        "c": (DownloadState.COMPLETED, Phase.DONE),
    }
    found = {
        name: DownloadStatus(name, state, phase, Progress())
        for name, (state, phase) in states.items()
    }

    assert DownloadUsage(lambda: found, kit.registry)() == {  # type: ignore[arg-type]
        "models--org--a": "a is being downloaded",
        "models--org--b": "the download of b is paused",
    }


# the files of one model


def test_a_model_goes_without_what_another_model_needs(tmp_path: Path) -> None:
    specs = (
        ModelSpec("n", "N", "", "org/name", 1, "mit", ("n.pt", "shared.json")),
        ModelSpec("s", "S", "", "org/name", 1, "mit", ("s.pt", "shared.json")),
    )
    kit = CacheKit(tmp_path / "hub", models=specs)
    repo = RepoMaker(kit.cache_dir)
    repo.commit({"n.pt": b"n" * 100, "s.pt": b"s" * 200, "shared.json": b"{}"})

    done = kit.service.deletion.delete(ADMIN, PlanRequest(PlanKind.MODEL, choices=("n",)))

    assert done.freed_bytes == 100
    [snapshot] = (repo.root / "snapshots").iterdir()
    assert {path.name for path in snapshot.iterdir()} == {"s.pt", "shared.json"}


def test_a_model_alone_takes_its_repository_along(tmp_path: Path) -> None:
    spec = ModelSpec("n", "N", "", "org/name", 1, "mit")
    kit = CacheKit(tmp_path / "hub", models=(spec,))
    repo, _, _ = two_revisions(kit.cache_dir)

    kit.service.deletion.delete(ADMIN, PlanRequest(PlanKind.MODEL, choices=("n",)))

    assert not repo.root.exists()
    with pytest.raises(UnknownModel):
        kit.service.deletion.plan(ADMIN, PlanRequest(PlanKind.MODEL, choices=("x",)))


def test_one_thing_in_use_is_refused_by_name(kit: CacheKit) -> None:
    repo, _, _ = two_revisions(kit.cache_dir)
    kit.used[repo.folder] = "loaded as mine"

    with pytest.raises(ModelInUse, match="loaded as mine"):
        kit.service.deletion.delete(ADMIN, PlanRequest(PlanKind.REPOSITORY, repo.folder))


# a volume without room


@contextmanager
def no_room_for_notes() -> Iterator[None]:
    """Let every write of a byte fail, as on a full volume."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_volume_is_freed_by_purging_in_place(kit: CacheKit) -> None:
    two_revisions(kit.cache_dir)
    shared = RepoMaker(kit.cache_dir, "org/shared")
    shared.commit({"model.safetensors": b"s" * 900})
    payload = share(shared, shared.blob(b"s" * 900), "ab" + "0" * 62)

    with no_room_for_notes(), pytest.raises(CacheVolumeFull) as caught:
        kit.service.deletion.delete(ADMIN, EVERYTHING)
    kept = content_bytes(kit.cache_dir)
    with no_room_for_notes():
        done = kit.service.deletion.delete(ADMIN, EVERYTHING, purge=True)

    assert "purge" in caught.value.hint
    assert kept == 1500
    assert (done.freed_bytes, done.freed_now_bytes) == (1500, 1500)
    assert content_bytes(kit.cache_dir, trash=True) == 0
    assert not payload.exists()


# suggestions


def test_suggestions_are_ranked_and_measured(kit: CacheKit) -> None:
    kit.now = dt.datetime.now(dt.UTC)
    repo = RepoMaker(kit.cache_dir)
    repo.commit({"old.bin": b"1" * 100}, refs=())
    repo.commit({"model.safetensors": b"2" * 200, "pytorch_model.bin": b"3" * 300})
    repo.hub_partial(40)
    repo.blob(b"4" * 50)
    kit.service.record_use(repo.folder)
    busy = RepoMaker(kit.cache_dir, "org/busy")
    busy.commit({"x.bin": b"5"}, refs=())
    kit.used[busy.folder] = "loaded"

    found = kit.service.reclaimable(ADMIN)
    kit.now += dt.timedelta(days=90)
    later = kit.service.reclaimable(ADMIN)

    assert [(one.kind, one.bytes) for one in found] == [
        (ReclaimKind.PARTIAL, 40),
        (ReclaimKind.UNREFERENCED, 50),
        (ReclaimKind.DETACHED, 100),
        (ReclaimKind.PICKLE_TWIN, 300),
    ]
    assert [one.kind for one in later][-1] is ReclaimKind.UNUSED
    assert "by our own record" in later[-1].reason


def test_all_suggestions_together_are_one_exact_plan(kit: CacheKit) -> None:
    repo = RepoMaker(kit.cache_dir)
    twins = {"model.safetensors": b"2" * 200, "pytorch_model.bin": b"3" * 300}
    repo.commit(twins, refs=())
    repo.commit({**twins, "config.json": b"{}"})
    repo.own_partial(40)
    share_one = RepoMaker(kit.cache_dir, "org/shared")
    share_one.commit({"s.bin": b"s" * 70})
    share(share_one, share_one.blob(b"s" * 70), "cd" + "1" * 62)
    (share_one.root / "snapshots").rename(share_one.root / "was")
    (share_one.root / "blobs" / sha256(b"s" * 70)).unlink()
    ids = tuple(one.id for one in kit.service.reclaimable(ADMIN))

    plan = kit.service.deletion.plan(ADMIN, PlanRequest(PlanKind.RECLAIM, choices=ids))
    before = content_bytes(kit.cache_dir)
    kit.service.deletion.execute(ADMIN, plan.plan_id)

    assert plan.freed_bytes == before - content_bytes(kit.cache_dir) == 300 + 40 + 70


def test_a_pickle_that_the_registry_wants_is_no_suggestion(tmp_path: Path) -> None:
    spec = ModelSpec("a", "A", "", "org/name", 1, "mit")
    kit = CacheKit(tmp_path / "hub", models=(spec,))
    RepoMaker(kit.cache_dir).commit({"model.safetensors": b"1", "pytorch_model.bin": b"2"})

    assert kit.service.reclaimable(ADMIN) == ()


@pytest.mark.parametrize(
    ("names", "twins"),
    [
        (["model.safetensors", "pytorch_model.bin"], ["pytorch_model.bin"]),
        (["a/x.safetensors", "a/x.pt", "b/x.pt"], ["a/x.pt"]),
        (["model.safetensors", "optimizer.bin", "tf_model.h5"], []),
        (
            [
                *("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
                *("pytorch_model-00001-of-00003.bin", "pytorch_model.bin.index.json"),
            ],
            ["pytorch_model-00001-of-00003.bin"],
        ),
        (["model-00001-of-00002.safetensors", "pytorch_model.bin"], []),
        (["pytorch_model.bin"], []),
        (["model.fp16.safetensors", "pytorch_model.fp16.bin"], ["pytorch_model.fp16.bin"]),
    ],
)
def test_twins_need_whole_weights_in_the_same_folder(names: list[str], twins: list[str]) -> None:
    assert pickle_twins(names) == twins


@given(st.lists(st.text("ab/.-_", min_size=1, max_size=12)))
def test_only_pickles_are_ever_twins(names: list[str]) -> None:
    assert set(pickle_twins(names)) <= {name for name in names if "." in name}


# checks


def test_a_cache_of_the_real_client_is_right_offline(tmp_path: Path, hub: Hub) -> None:
    kit = CacheKit(tmp_path / "hub", tmp_path / "db.sqlite3")
    files = {"config.json": b"{}", "sub/model.safetensors": b"x" * 5000, "empty.txt": b""}
    hub.add_repo("org/name", files)
    snapshot_download("org/name", cache_dir=kit.cache_dir, endpoint=hub.endpoint)
    hub.stop()

    view = checked(kit)

    assert view.report.mismatches == ()
    assert (view.report.checked_files, view.report.checked_bytes) == (3, 5002)
    assert (view.status.progress.bytes_done, view.status.progress.percent) == (5002, 100.0)
    assert len(kit.verified.of_folder("models--org--name")) == 3


def test_every_kind_of_damage_is_named(tmp_path: Path) -> None:
    kit = CacheKit(tmp_path / "hub", tmp_path / "db.sqlite3")
    repo = RepoMaker(kit.cache_dir)
    contents = {"a.bin": b"1" * 100, "b.json": b"{}", "c.bin": b"3", "d.bin": b"4", "odd": b"5"}
    commit = repo.commit(contents)
    snapshot = repo.root / "snapshots" / commit
    repo.blob(b"1" * 100).write_bytes(b"1" * 99 + b"2")
    repo.blob(b"3").unlink()
    (snapshot / "d.bin").unlink()
    (snapshot / "d.bin").symlink_to(f"../../blobs/{sha256(b'5')}")
    (snapshot / "own.txt").write_bytes(b"wrong")
    (repo.root / "blobs" / "weird-etag").write_bytes(b"7")
    (snapshot / "w.bin").symlink_to("../../blobs/weird-etag")
    tree = {"d.bin": _large(b"4"), "own.txt": {"size": 5, "blob_id": git_sha1(b"right")}}
    (repo.root / "trees").mkdir()
    (repo.root / "trees" / f"{commit}.json").write_text(json.dumps({"files": tree}))

    report = checked(kit, repo.folder).report

    assert {(one.path, one.kind) for one in report.mismatches} == {
        ("a.bin", Damage.CONTENT),
        ("c.bin", Damage.MISSING),
        ("d.bin", Damage.OTHER_FILE),
        ("own.txt", Damage.CONTENT),
    }
    assert report.unverifiable_files == 1


def _large(content: bytes) -> dict[str, object]:
    return {"size": len(content), "blob_id": "0" * 40, "lfs_sha256": sha256(content)}


def test_what_cannot_be_read_is_damage_and_the_check_goes_on(tmp_path: Path) -> None:
    kit = CacheKit(tmp_path / "hub", tmp_path / "db.sqlite3")
    repo = RepoMaker(kit.cache_dir, "org/a")
    repo.commit({"good.bin": b"1" * 10, "sick.bin": b"2" * 10})
    blob = repo.blob(b"2" * 10)
    blob.unlink()
    blob.symlink_to("/proc/self/mem")  # reading it is an error of the device
    RepoMaker(kit.cache_dir, "org/b").commit({"y.bin": b"3" * 10})

    view = checked(kit)

    [found] = view.report.mismatches
    assert (found.path, found.kind, found.reason) == (
        "sick.bin",
        Damage.UNREADABLE,
        "Input/output error",
    )
    assert view.report.repositories == ("models--org--a", "models--org--b")
    assert view.status.progress.percent == 100.0


def test_a_check_goes_on_after_a_restart(tmp_path: Path) -> None:
    kit = CacheKit(tmp_path / "hub", tmp_path / "db.sqlite3")
    for name in ("a", "b"):
        RepoMaker(kit.cache_dir, f"org/{name}").commit({"x.bin": name.encode() * 10})
    view = kit.service.verification.start(ADMIN)
    kept = {
        "checked_files": 1,
        "checked_bytes": 10,
        "unverifiable_files": 0,
        "mismatches": [],
        "repositories": ["models--org--a"],
    }
    kit.jobs.save_document(view.verify_id, kept)
    (kit.cache_dir / "models--org--a" / "blobs" / sha256(b"a" * 10)).write_bytes(b"unread")

    report = checked(kit).report

    assert (report.checked_files, report.checked_bytes, report.mismatches) == (2, 20, ())


def test_a_check_can_be_cancelled(tmp_path: Path) -> None:
    kit = CacheKit(tmp_path / "hub", tmp_path / "db.sqlite3")
    RepoMaker(kit.cache_dir).commit({"x.bin": b"1"})
    view = kit.service.verification.start(ADMIN)

    after = kit.service.verification.cancel(ADMIN, view.verify_id)

    assert after.status.phase is Phase.CANCELLED
