"""The cache while the hub's own client works in it, in a process of its own."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.standins.hub import Hub, Stall
from tests.standins.waiting import wait_until
from tests.test_clients.caches import RepoMaker, picture, share
from tests.test_services.cache_kit import ADMIN, CacheKit, two_revisions
from yipyap_core.domain.deletion import DeletionPlan, PlanKind, PlanRequest
from yipyap_core.domain.reclaim import ReclaimKind
from yipyap_core.errors import ModelInUse
from yipyap_core.stores.cache import PlanStore

REPO = "org/live"
FOLDER = "models--org--live"
BUSY = "another program is downloading it"


@pytest.fixture
def kit(tmp_path: Path) -> CacheKit:
    (tmp_path / "hub").mkdir()
    return CacheKit(tmp_path / "hub")


def client(hub: Hub, kit: CacheKit, arguments: str) -> subprocess.Popen[str]:
    """Let the hub's client fetch the repository into the cache."""
    code = f"from huggingface_hub import snapshot_download as get; get({REPO!r}, {arguments})"
    home = kit.cache_dir.parent / "their-home"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **hub.environment(home), "HF_HUB_CACHE": str(kit.cache_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def fetched(hub: Hub, kit: CacheKit, arguments: str = "") -> None:
    theirs = client(hub, kit, arguments)
    output, _ = theirs.communicate(timeout=60)
    assert theirs.returncode == 0, output


@contextmanager
def held_in_the_middle(hub: Hub, kit: CacheKit, commit: str) -> Iterator[None]:
    """One of two files is there, the other is coming in; at the end the client succeeds."""
    stall = hub.inject(Stall(after_bytes=300_000), path="*b.safetensors")
    theirs = client(hub, kit, f"revision={commit!r}, max_workers=1")
    root = kit.cache_dir / FOLDER
    first = root / "snapshots" / commit / "a.safetensors"
    try:
        wait_until(
            lambda: first.exists() and any(root.glob("blobs/*.incomplete")),
            timeout_seconds=60,
            last=lambda: hub.requests,
        )
        yield
        stall.release()
        output, _ = theirs.communicate(timeout=60)
    finally:
        theirs.kill()
    assert theirs.returncode == 0, output
    assert {path.name for path in first.parent.iterdir()} == {"a.safetensors", "b.safetensors"}
    assert all(path.exists() for path in first.parent.iterdir())


def test_nothing_is_taken_from_under_a_running_download(hub: Hub, kit: CacheKit) -> None:
    files = {"a.safetensors": b"a" * 400_000, "b.safetensors": b"b" * 500_000}
    commit = hub.add_repo(REPO, files)
    deletion = kit.service.deletion
    detached = f"{ReclaimKind.DETACHED}:{FOLDER}:{commit}"
    asked = [
        PlanRequest(PlanKind.EVERYTHING),
        PlanRequest(PlanKind.PRUNE),
        PlanRequest(PlanKind.RECLAIM, choices=(detached,)),
        PlanRequest(PlanKind.REVISION, FOLDER, commit),
        PlanRequest(PlanKind.REPOSITORY, FOLDER),
    ]
    with held_in_the_middle(hub, kit, commit):
        before = picture(kit.cache_dir)
        plans = [deletion.plan(ADMIN, request) for request in asked]
        suggested = kit.service.reclaimable(ADMIN, 0)
        for plan in plans:
            _execute(kit, plan)
        assert picture(kit.cache_dir) == before

    assert all(plan.is_empty for plan in plans)
    reasons = [[one.reason for one in plan.kept] for plan in plans]
    assert reasons == [[BUSY]] * len(asked)
    assert suggested == ()


def _execute(kit: CacheKit, plan: DeletionPlan) -> None:
    try:
        kit.service.deletion.execute(ADMIN, plan.plan_id)
    except ModelInUse as refused:
        assert BUSY in refused.message


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Hold a lock as the hub's client does from before its partial file is there."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_held_lock_is_enough_to_keep_the_only_revision(kit: CacheKit) -> None:
    repo = RepoMaker(kit.cache_dir)
    commit = repo.commit({"a.bin": b"1" * 100})

    with held(repo.lock("aa" * 32)), pytest.raises(ModelInUse, match=BUSY):
        kit.service.deletion.delete(ADMIN, PlanRequest(PlanKind.REVISION, repo.folder, commit))

    assert repo.root.exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS])
def test_without_locks_things_go_and_come_back(
    kit: CacheKit, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "the volume has no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    repo = RepoMaker(kit.cache_dir)
    repo.commit({"model.safetensors": b"s" * 1000})
    share(repo, repo.blob(b"s" * 1000), "ab" + "0" * 62)
    before, deletion = picture(kit.cache_dir), kit.service.deletion

    done = deletion.delete(ADMIN, PlanRequest(PlanKind.EVERYTHING))

    assert (done.freed_bytes, done.kept) == (1000, ())
    assert deletion.restore(ADMIN, done.trash_id or "").lost == ()
    assert picture(kit.cache_dir) == before
    assert deletion.delete(ADMIN, PlanRequest(PlanKind.EVERYTHING), purge=True).freed_bytes == 1000


def test_a_plan_that_is_taken_up_again_leaves_what_came_into_use(kit: CacheKit) -> None:
    repo, _, _ = two_revisions(kit.cache_dir)
    plan = kit.service.deletion.plan(ADMIN, PlanRequest(PlanKind.EVERYTHING))
    PlanStore(kit.engine).set_state(plan.plan_id, "executing")

    with held(repo.lock("aa" * 32)):
        done = kit.service.deletion.execute(ADMIN, plan.plan_id)

    assert [one.reason for one in done.kept] == [BUSY]
    assert repo.root.exists()


def test_the_client_accepts_offline_what_is_left_of_twins(hub: Hub, kit: CacheKit) -> None:
    files = {"model.safetensors": b"a" * 5000, "pytorch_model.bin": b"b" * 6000}
    commit = hub.add_repo(REPO, files)
    fetched(hub, kit)
    hub.stop()
    before = picture(kit.cache_dir)
    assert f"{FOLDER}/trees/{commit}.json" in before
    twins = PlanRequest(PlanKind.RECLAIM, choices=(f"{ReclaimKind.PICKLE_TWIN}:{FOLDER}",))

    done = kit.service.deletion.delete(ADMIN, twins)

    assert done.freed_bytes == 6000
    fetched(hub, kit, "local_files_only=True")
    assert done.trash_id is not None
    assert kit.service.deletion.restore(ADMIN, done.trash_id).superseded == ()
    assert picture(kit.cache_dir) == before
    fetched(hub, kit, "local_files_only=True")
