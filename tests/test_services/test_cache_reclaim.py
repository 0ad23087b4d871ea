"""Suggestions are exact where contents are shared, and cheap where nothing has changed."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.test_clients.caches import RepoMaker, commit_id, content_bytes, share
from tests.test_services.cache_kit import ADMIN, CacheKit
from yipyap_core.clients.hub_cache import HubCache
from yipyap_core.domain.deletion import PlanKind, PlanRequest
from yipyap_core.domain.models import ModelSpec
from yipyap_core.domain.reclaim import ReclaimKind, Suggestion
from yipyap_core.services.cache.details import CacheDetails

XET_HASHES = ("ab" + "0" * 62, "cd" + "0" * 62)


@pytest.fixture
def kit(tmp_path: Path) -> CacheKit:
    (tmp_path / "hub").mkdir()
    kit = CacheKit(tmp_path / "hub")
    kit.now = dt.datetime.now(dt.UTC) + dt.timedelta(days=200)
    return kit


def found(kit: CacheKit) -> list[tuple[ReclaimKind, int]]:
    return [(one.kind, one.bytes) for one in kit.service.reclaimable(ADMIN)]


def freed_by(kit: CacheKit, chosen: list[Suggestion]) -> int:
    request = PlanRequest(PlanKind.RECLAIM, choices=tuple(one.id for one in chosen))
    before = content_bytes(kit.cache_dir)
    kit.service.deletion.delete(ADMIN, request)
    return before - content_bytes(kit.cache_dir)


def test_what_lies_in_the_shared_store_counts(kit: CacheKit) -> None:
    repo = RepoMaker(kit.cache_dir)
    contents = [b"s" * 5000, b"n" * 6000]
    for content, refs, xet_hash in zip(contents, ((), ("main",)), XET_HASHES, strict=True):
        repo.commit({"model.safetensors": content}, refs=refs)
        share(repo, repo.blob(content), xet_hash)

    suggestions = kit.service.reclaimable(ADMIN)

    assert found(kit) == [(ReclaimKind.DETACHED, 5000), (ReclaimKind.UNUSED, 11_000)]
    assert freed_by(kit, [suggestions[0]]) == 5000


def test_a_payload_that_another_repository_needs_is_no_gain(kit: CacheKit) -> None:
    for name in ("a", "b"):
        repo = RepoMaker(kit.cache_dir, f"org/{name}")
        repo.commit({"model.safetensors": b"s" * 5000})
        share(repo, repo.blob(b"s" * 5000), XET_HASHES[0])

    assert found(kit) == []


def test_a_blob_that_another_repository_links_to_is_no_gain(kit: CacheKit) -> None:
    owner, guest = RepoMaker(kit.cache_dir, "org/owner"), RepoMaker(kit.cache_dir, "org/guest")
    owner.commit({"a.bin": b"1" * 100, "b.bin": b"2" * 200})
    guest.commit({})
    link = guest.root / "snapshots" / commit_id("org/guest/1") / "a.bin"
    link.symlink_to(owner.blob(b"1" * 100))

    suggestions = kit.service.reclaimable(ADMIN)

    assert [(one.repo_id, one.bytes) for one in suggestions] == [("org/owner", 200)]
    assert freed_by(kit, list(suggestions)) == 200


@pytest.mark.parametrize("listed", [True, False])
def test_a_twin_stays_where_a_model_is_seen_complete_by_the_listing(
    tmp_path: Path, listed: bool
) -> None:
    spec = ModelSpec("a", "A", "", "org/name", 1, "mit", ("*.safetensors",))
    kit = CacheKit(tmp_path / "hub", models=(spec,))
    repo = RepoMaker(kit.cache_dir)
    files = {"model.safetensors": b"1" * 10, "pytorch_model.bin": b"2" * 20}
    commit = repo.commit(files)
    if listed:
        repo.listing(commit, files)

    assert found(kit) == ([] if listed else [(ReclaimKind.PICKLE_TWIN, 20)])


def test_last_uses_are_asked_once_for_all_repositories(kit: CacheKit) -> None:
    for name in ("a", "b", "c"):
        RepoMaker(kit.cache_dir, f"org/{name}").commit({"x.bin": name.encode()})
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        asked.append(arguments[2])

    kit.service.info(ADMIN)
    sa.event.listen(kit.engine, "before_cursor_execute", note)
    kit.service.reclaimable(ADMIN)

    assert len([statement for statement in asked if "model_uses" in statement]) == 1


def test_a_repository_is_read_again_only_after_a_change(kit: CacheKit) -> None:
    cache = HubCache(kit.cache_dir, settle_seconds=0)
    details = CacheDetails(kit.cache_dir)
    changing, still = RepoMaker(kit.cache_dir, "org/a"), RepoMaker(kit.cache_dir, "org/b")
    for repo in (changing, still):
        repo.commit({"x.bin": b"1"})
    growing = RepoMaker(kit.cache_dir, "org/c").own_partial(10)
    for path in kit.cache_dir.rglob("*"):
        os.utime(path, (1e9, 1e9))  # else a change may fall into the same tick of the clock
    scan = cache.scan()
    first = details.of(scan.repos.values())
    changing.commit({"y.bin": b"2"})
    growing.write_bytes(b"1" * 20)

    second = details.of(cache.scan(scan).repos.values())

    assert [now is before for now, before in zip(second, first, strict=True)] == [
        False,
        True,
        False,
    ]
    assert len(second[0].revisions) == 2
    assert [partial.size_bytes for partial in second[2].partials.values()] == [20]
