"""The walk against `scan_cache_dir` and `du`, on caches made by the real client and by hand."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import HFCacheInfo, scan_cache_dir, snapshot_download

from tests.standins.hub import Hub
from tests.test_clients.caches import RepoMaker, commit_id, content_bytes, share
from yipyap_core.clients.cache_memory import from_json, to_json
from yipyap_core.clients.hub_cache import CacheScan, HubCache
from yipyap_core.domain.cache import CachedRepo, PartialOwner


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    path = tmp_path / "hub"
    path.mkdir()
    return path


def walk(cache_dir: Path, known: CacheScan | None = None) -> CacheScan:
    cache = HubCache(cache_dir)
    return cache.scan(known) if known else cache.scan()


def repo_of(scan: CacheScan, folder: str) -> CachedRepo:
    return scan.repos[folder].repo


def moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def assert_same(ours: CacheScan, theirs: HFCacheInfo) -> None:
    """Every repository that the hub's client accepts has the same figures here."""
    for expected in theirs.repos:
        found = repo_of(ours, expected.repo_path.name)
        assert (found.repo_id, found.repo_type) == (expected.repo_id, expected.repo_type)
        assert found.size_bytes - found.unreferenced_bytes == expected.size_on_disk
        assert found.nb_files == expected.nb_files
        assert found.last_accessed == moment(expected.last_accessed)
        assert found.last_modified == moment(expected.last_modified)
        assert {
            (one.commit, frozenset(one.refs), one.size_bytes, one.nb_files, one.last_modified)
            for one in found.revisions
        } == {
            (one.commit_hash, one.refs, one.size_on_disk, one.nb_files, moment(one.last_modified))
            for one in expected.revisions
        }


def test_agrees_with_the_real_client_on_what_it_downloaded(hub: Hub, cache_dir: Path) -> None:
    files = {"config.json": b"{}", "model.safetensors": b"x" * 5000, "sub/deep/vocab.txt": b"a\nb"}
    first = hub.add_repo("org/model", files)
    hub.commit("org/model", {"config.json": b'{"a": 1}'})
    hub.add_repo("org/data", {"train.parquet": b"p" * 900}, repo_type="dataset")
    hub.add_repo("org/app", {"app.py": b"print()"}, repo_type="space")
    for repo_id, repo_type, revision in [
        ("org/model", "model", first),
        ("org/model", "model", "main"),
        ("org/data", "dataset", "main"),
        ("org/app", "space", "main"),
    ]:
        snapshot_download(
            repo_id,
            repo_type=repo_type,
            revision=revision,
            cache_dir=cache_dir,
            endpoint=hub.endpoint,
        )

    theirs = scan_cache_dir(cache_dir)
    ours = walk(cache_dir)

    assert not theirs.warnings
    assert len(theirs.repos) == len(ours.repos) == 3
    assert_same(ours, theirs)
    assert ours.warnings == ()
    assert all(not found.repo.warnings for found in ours.repos.values())
    assert sum(found.repo.size_bytes for found in ours.repos.values()) == theirs.size_on_disk


def test_agrees_on_a_cache_of_every_odd_but_sound_shape(cache_dir: Path) -> None:
    shared = RepoMaker(cache_dir, "org/two-revisions")
    shared.commit({"a.bin": b"1" * 100, "same.bin": b"2" * 200, "again.bin": b"2" * 200}, refs=())
    shared.commit({"a.bin": b"3" * 300, "x/y/same.bin": b"2" * 200}, refs=("main", "refs/pr/1"))
    copies = RepoMaker(cache_dir, "org/no-links", "dataset")
    copies.commit({"t/train.parquet": b"4" * 400, "readme.md": b"5"}, links=False)
    RepoMaker(cache_dir, "single").commit({"w.bin": b"6" * 60}, refs=("v1.0", "main"))
    empty = RepoMaker(cache_dir, "org/empty", "space")
    empty.commit({})
    kernel = RepoMaker(cache_dir, "org/kernel", "kernel")
    kernel.commit({"k.so": b"7" * 70})
    (kernel.root / ".no_exist" / commit_id("gone")).mkdir(parents=True)
    (kernel.root / ".no_exist" / commit_id("gone") / "config.json").touch()
    (kernel.root / "trees").mkdir()
    (kernel.root / "trees" / f"{commit_id('t')}.json").write_text("{}")
    (kernel.root / "snapshots" / ".DS_Store").touch()
    kernel.hub_partial(1234)
    kernel.own_partial(777)
    (cache_dir / "CACHEDIR.TAG").touch()
    kernel.lock("ab" * 32)

    theirs = scan_cache_dir(cache_dir)
    ours = walk(cache_dir)

    assert not theirs.warnings
    assert len(ours.repos) == len(theirs.repos) == 5
    assert_same(ours, theirs)
    assert ours.warnings == ()
    partials = repo_of(ours, kernel.folder).partials
    assert {(one.owner, one.size_bytes) for one in partials} == {
        (PartialOwner.HUB_CLIENT, 1234),
        (PartialOwner.YIPYAP, 777),
    }
    assert {one.size_on_disk for one in theirs.incomplete_files} == {1234}


def test_agrees_on_a_hundred_repositories_of_a_hundred_files(cache_dir: Path) -> None:
    for number in range(100):
        repo = RepoMaker(cache_dir, f"org/name-{number}")
        files = {f"part-{i:03}.bin": f"{number} {i}".encode() for i in range(50)}
        repo.commit(files, refs=())
        repo.commit(files | {f"more-{i}.bin": f"{number} m{i}".encode() for i in range(50)})

    ours = walk(cache_dir)

    assert len(ours.repos) == 100
    assert_same(ours, scan_cache_dir(cache_dir))


def test_counts_what_du_counts(cache_dir: Path) -> None:
    first = RepoMaker(cache_dir, "org/a")
    first.commit({"a.bin": b"1" * 1000}, refs=())
    first.commit({"a.bin": b"1" * 1000, "b.bin": b"2" * 2000})
    first.blob(b"3" * 3000)
    first.hub_partial(400)
    RepoMaker(cache_dir, "org/b", "dataset").commit({"t.bin": b"5" * 500}, links=False)

    repos = [found.repo for found in walk(cache_dir).repos.values()]
    names = [
        path
        for path in cache_dir.rglob("*")
        if path.is_file() and not path.is_symlink() and "refs" not in path.parts
    ]
    du = subprocess.run(
        ["du", "-cb", *names], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    counted = sum(repo.size_bytes + repo.partial_bytes for repo in repos)
    assert counted == int(du[-1].split()[0]) == content_bytes(cache_dir) == 6900


def test_a_broken_link_is_a_warning_and_hides_nothing(cache_dir: Path) -> None:
    repo = RepoMaker(cache_dir)
    commit = repo.commit({"a.bin": b"1" * 100, "b.bin": b"2" * 50})
    (repo.root / "snapshots" / commit / "lost.bin").symlink_to("../../blobs/nowhere")

    found = repo_of(walk(cache_dir), repo.folder)

    assert not scan_cache_dir(cache_dir).repos, "the hub's client drops such a repository"
    assert (found.size_bytes, found.nb_files) == (150, 2)
    assert found.revisions[0].broken_links == 1
    assert any("lost their blob" in text for text in found.warnings)


def test_a_ref_to_a_missing_snapshot_is_a_warning(cache_dir: Path) -> None:
    repo = RepoMaker(cache_dir)
    repo.commit({"a.bin": b"1" * 100})
    repo.ref("v2", commit_id("elsewhere"))

    found = repo_of(walk(cache_dir), repo.folder)

    assert found.size_bytes == 100
    assert any("v2" in text and "not here" in text for text in found.warnings)


def test_a_repository_without_snapshots_is_counted(cache_dir: Path) -> None:
    repo = RepoMaker(cache_dir)
    repo.blob(b"1" * 100)

    found = repo_of(walk(cache_dir), repo.folder)

    assert (found.size_bytes, found.unreferenced_bytes, found.revisions) == (100, 100, ())
    assert any("snapshots" in text for text in found.warnings)


def test_what_is_no_repository_is_named(cache_dir: Path) -> None:
    (cache_dir / "notes.txt").touch()
    (cache_dir / "models").mkdir()

    assert walk(cache_dir).warnings == (
        "'models' in the cache folder is not a repository.",
        "'notes.txt' in the cache folder is not a repository.",
    )


def test_a_shared_payload_counts_for_each_repository_and_once_in_the_store(
    cache_dir: Path,
) -> None:
    xet = "ab" + "0" * 62
    for name in ("org/a", "org/b"):
        repo = RepoMaker(cache_dir, name)
        repo.commit({"model.safetensors": b"s" * 1000, "config.json": b"{}"})
        share(repo, repo.blob(b"s" * 1000), xet)

    theirs = scan_cache_dir(cache_dir)
    ours = walk(cache_dir)

    assert_same(ours, theirs)
    assert ours.warnings == ()
    assert ours.shared_store_bytes == 1000
    assert {found.repo.shared_bytes for found in ours.repos.values()} == {1000}
    assert theirs.size_on_disk == 1000 + 2 + 2


def test_a_missing_cache_is_empty_and_an_unreadable_one_says_so(cache_dir: Path) -> None:
    assert not walk(cache_dir / "nowhere").exists
    (cache_dir / "file").touch()
    assert walk(cache_dir / "file").warnings[0].startswith("The cache folder cannot be read")


def settled(cache_dir: Path) -> CacheScan:
    """A walk whose stamps count as old enough to be trusted."""
    for path in [cache_dir, *cache_dir.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            os.utime(path, (1_700_000_000, 1_700_000_000))
    return walk(cache_dir)


def test_reads_only_what_changed(cache_dir: Path) -> None:
    makers = [RepoMaker(cache_dir, f"org/{name}") for name in "abc"]
    for maker in makers:
        maker.commit({"a.bin": b"1" * 100, "sub/b.bin": b"2"})
    known = settled(cache_dir)

    assert walk(cache_dir, known).reread == 0

    makers[1].commit({"a.bin": b"9" * 900})
    again = walk(cache_dir, known)

    assert again.reread == 1
    assert repo_of(again, makers[1].folder).size_bytes == 1001
    assert_same(again, scan_cache_dir(cache_dir))


CHANGES: dict[str, Callable[[RepoMaker, Path], object]] = {
    "link": lambda _, snapshot: (snapshot / "a.bin").unlink(),
    "nested link": lambda _, snapshot: (snapshot / "sub" / "b.bin").unlink(),
    "ref": lambda repo, snapshot: repo.ref("other", snapshot.name),
    "nested ref": lambda repo, _: (repo.root / "refs" / "refs" / "pr" / "1").unlink(),
    "blob": lambda repo, _: repo.blob(b"new" * 10),
    "partial": lambda repo, _: repo.hub_partial(10),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_sees_every_change_of_a_name(
    cache_dir: Path, change: Callable[[RepoMaker, Path], object]
) -> None:
    repo = RepoMaker(cache_dir)
    commit = repo.commit({"a.bin": b"1", "sub/b.bin": b"2"}, refs=("main", "refs/pr/1"))
    known = settled(cache_dir)

    change(repo, repo.root / "snapshots" / commit)

    again = walk(cache_dir, known)
    assert again.reread == 1
    assert repo_of(again, repo.folder) == repo_of(walk(cache_dir), repo.folder)


def test_young_stamps_are_not_trusted(cache_dir: Path) -> None:
    RepoMaker(cache_dir).commit({"a.bin": b"1"})

    assert walk(cache_dir, walk(cache_dir)).reread == 1


def test_a_growing_partial_is_measured_anew_without_a_new_stamp(cache_dir: Path) -> None:
    repo = RepoMaker(cache_dir)
    partial = repo.own_partial(100)
    known = settled(cache_dir)
    with partial.open("ab") as file:
        file.write(b"more" * 25)

    again = walk(cache_dir, known)

    assert again.reread == 0
    assert repo_of(again, repo.folder).partial_bytes == 200


def test_a_walk_survives_as_json(cache_dir: Path) -> None:
    repo = RepoMaker(cache_dir)
    repo.commit({"a.bin": b"1"}, refs=("main", "v1"))
    repo.hub_partial(5)
    repo.ref("lost", commit_id("lost"))
    known = settled(cache_dir)

    kept = from_json(to_json(known))

    assert kept is not None
    assert kept.repos == known.repos
    assert walk(cache_dir, kept).reread == 0


def test_an_unknown_format_is_no_walk() -> None:
    assert from_json({"format": 0}) is None
    assert from_json({"format": 1, "repos": [{"odd": 1}]}) is None
