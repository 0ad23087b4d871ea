from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from tests.standins.hub import Hub
from tests.test_services.download_rig import Rig
from tests.test_transfer.support import wait_until
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.verified import BlobStamp
from yipyap_core.services.downloads.presence import CachePresence
from yipyap_core.stores.verified import VerifiedStore


class CountingStore(VerifiedStore):
    """Counts how often a whole model was looked at."""

    looks = 0

    def of_folder(self, repo_folder: str) -> frozenset[BlobStamp]:
        self.looks += 1
        return super().of_folder(repo_folder)


@pytest.fixture
def rig(tmp_path: Path, hub: Hub) -> Iterator[Rig]:
    hub.add_repo("org/m", {"a.json": b"{}", "sub/b.txt": b"b"})
    rig = Rig(tmp_path / "server", hub).start()
    rig.shelf.add("m", "org/m")
    yield rig
    rig.close()


def test_a_model_is_looked_at_again_only_when_its_folders_moved(rig: Rig) -> None:
    rig.download("m")
    store = CountingStore(rig.engine)
    presence = CachePresence(rig.cache, store)
    spec = rig.shelf.get("m")
    for _ in range(5):
        assert presence.of(spec).verified
    assert store.looks == 1
    seen = presence.generation
    presence.look_at([spec])
    assert presence.generation == seen
    name = next(rig.cache.glob("models--*/snapshots/*/sub/b.txt"))
    target = name.readlink()
    name.unlink()
    assert not presence.of(spec).is_complete
    assert presence.generation == seen + 1
    name.symlink_to(target)
    presence.look_at([spec])
    assert presence.generation == seen + 2
    assert presence.of(spec).is_complete
    presence.drop(spec.repo.folder_name)
    presence.of(spec)
    assert store.looks == 3


def test_who_looks_at_one_model_hides_nothing_from_who_looks_at_all(rig: Rig) -> None:
    rig.download("m")
    assert rig.service.statuses()["m"].status is DownloadState.COMPLETED
    next(rig.cache.glob("models--*/snapshots/*/a.json")).unlink()
    assert rig.service.status("m").status is DownloadState.NOT_STARTED
    rig.shelf.add("new", "org/new")
    assert rig.service.status("new").status is DownloadState.NOT_STARTED

    wait_until(lambda: rig.service.statuses()["m"].status is DownloadState.NOT_STARTED)
    wait_until(lambda: "new" in rig.service.statuses())
    del rig.shelf.specs["new"]
    wait_until(lambda: "new" not in rig.service.statuses())


@pytest.mark.parametrize("content_is_there", [True, False])
def test_a_name_that_leads_to_another_files_blob_is_not_complete(
    rig: Rig, hub: Hub, content_is_there: bool
) -> None:
    hub.add_repo("org/twins", {"a.safetensors": b"a" * 5000, "b.safetensors": b"b" * 5000})
    rig.shelf.add("twins", "org/twins")
    rig.download("twins")
    [a] = rig.cache.glob("models--org--twins/snapshots/*/a.safetensors")
    blob, other = a.resolve(), (a.parent / "b.safetensors").readlink()
    a.unlink()
    a.symlink_to(other)
    if not content_is_there:
        blob.unlink()
    assert rig.service.status("twins").status is not DownloadState.COMPLETED

    assert rig.download("twins").status is DownloadState.COMPLETED

    assert a.read_bytes() == b"a" * 5000


def test_a_look_from_before_a_change_is_not_kept(rig: Rig) -> None:
    """The files were verified, and it was told, while another thread was still looking."""
    rig.download("m")
    spec = rig.shelf.get("m")

    class Overtaken(CountingStore):
        def of_folder(self, repo_folder: str) -> frozenset[BlobStamp]:
            found = super().of_folder(repo_folder)
            if self.looks > 1:
                return found
            presence.drop(repo_folder)
            return frozenset()

    presence = CachePresence(rig.cache, Overtaken(rig.engine))

    assert not presence.of(spec).verified

    assert presence.of(spec).verified


def test_a_complete_commit_counts_although_the_branch_has_moved_on(rig: Rig, hub: Hub) -> None:
    first = rig.download("m").resolved_commit
    assert first is not None
    second = hub.commit("org/m", {"a.json": b'{"new": 1}'})
    snapshot_download(
        "org/m",
        cache_dir=rig.cache,
        endpoint=hub.endpoint,
        revision="main",
        allow_patterns=["a.json"],
    )
    ref = rig.cache / "models--org--m" / "refs" / "main"
    assert ref.read_text(encoding="utf-8") == second  # and b.txt is not there for it
    status = rig.service.status("m")
    assert (status.status, status.resolved_commit) == (DownloadState.COMPLETED, first)


def test_a_fixed_commit_needs_no_ref(rig: Rig, hub: Hub) -> None:
    commit = hub.commit("org/m", {"c.txt": b"c"})
    hub.commit("org/m", {"d.txt": b"d"})
    rig.shelf.add("fixed", "org/m", revision=commit)
    done = rig.download("fixed")
    assert (done.verified, done.resolved_commit, done.progress.files_total) == (True, commit, 3)
    assert not (rig.cache / "models--org--m" / "refs" / commit).exists()


def test_two_models_of_one_repository_share_what_is_there(rig: Rig, hub: Hub) -> None:
    rig.shelf.add("part", "org/m", allow_patterns=("sub/*",))
    rig.download("m")
    hub.forget_requests()
    assert rig.service.status("part").status is DownloadState.COMPLETED
    assert rig.service.status("part").verified
    assert not hub.requests


def test_a_listing_that_is_damaged_is_as_none_and_is_mended(rig: Rig) -> None:
    rig.download("m")
    tree = next(rig.cache.glob("models--*/trees/*.json"))
    for text in ("", "[]", '{"format_version": 9}', '{"format_version": 1, "files": {"../x": {}}}'):
        tree.write_text(text, encoding="utf-8")
        rig.service.refresh()
        assert rig.service.status("m").status is DownloadState.NOT_STARTED
    assert rig.download("m").verified
