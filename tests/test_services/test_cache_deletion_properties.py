"""Deletions as properties over caches of any shape, and under kills at every step."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import scan_cache_dir
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_clients.caches import RepoMaker, content_bytes, picture, share
from tests.test_services.cache_kit import ADMIN, CacheKit, two_revisions
from yipyap_core.domain.deletion import PlanKind, PlanRequest
from yipyap_core.domain.models import ModelSpec

PRUNE = PlanRequest(PlanKind.PRUNE)


def assert_sound(cache_dir: Path) -> None:
    assert not scan_cache_dir(cache_dir).warnings


# properties

CONTENTS = st.integers(0, 5)
NAMES = ["a.bin", "s/b.bin", "s/t/c.json", "d.txt", "model.safetensors", "pytorch_model.bin"]
FILES = st.dictionaries(st.sampled_from(NAMES), CONTENTS)
REVISION = st.tuples(FILES, st.lists(st.sampled_from(["main", "v1", "refs/pr/1"]), unique=True))
REPOSITORY = st.fixed_dictionaries(
    {
        "revisions": st.lists(REVISION, max_size=3),
        "links": st.booleans(),
        "listed": st.booleans(),
        "guest": st.booleans(),
        "orphans": st.lists(CONTENTS, max_size=2),
        "partials": st.integers(0, 2),
        "shared": st.sets(CONTENTS, max_size=2),
    }
)
CACHE = st.lists(REPOSITORY, min_size=1, max_size=3)


def build(cache_dir: Path, repositories: list[dict[str, Any]]) -> list[RepoMaker]:
    makers: list[RepoMaker] = []
    for number, wanted in enumerate(repositories):
        repo = RepoMaker(cache_dir, f"org/name-{number}")
        (repo.root / "snapshots").mkdir(parents=True)
        taken: set[str] = set()
        for files, refs in wanted["revisions"]:
            free = tuple(ref for ref in refs if ref not in taken)
            taken.update(free)
            contents = {name: bytes([65 + one]) * (one * 100 + 1) for name, one in files.items()}
            commit = repo.commit(contents, refs=free, links=wanted["links"])
            if wanted["listed"]:
                repo.listing(commit, contents)
        for one in wanted["orphans"]:
            repo.blob(bytes([97 + one]) * (one * 10 + 1))
        for one in range(wanted["partials"]):
            repo.own_partial(7 + one, f"{one}" * 64)
        for one in wanted["shared"]:
            content = bytes([65 + one]) * (one * 100 + 1)
            blob = repo.blob(content)
            share(repo, blob, f"{one:064x}")
        if makers and wanted["guest"]:
            _link_into(makers[-1], repo)
        makers.append(repo)
    return makers


def _link_into(owner: RepoMaker, guest: RepoMaker) -> None:
    """Let a name of one repository lead to a blob of another one."""
    snapshots = sorted((guest.root / "snapshots").iterdir())
    blobs = sorted(owner.root.glob("blobs/*[0-9a-f]"))
    if snapshots and blobs:
        (snapshots[0] / "guest.bin").symlink_to(blobs[0])


@given(
    repositories=CACHE,
    kind=st.sampled_from(PlanKind),
    choice=st.integers(0, 8),
    purge=st.booleans(),
)
@settings(max_examples=60)
def test_freed_bytes_are_exact_and_nothing_that_stays_loses_anything(
    repositories: list[dict[str, Any]], kind: PlanKind, choice: int, purge: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache_dir = Path(folder) / "hub"
        makers = build(cache_dir, repositories)
        kit = _kit(cache_dir, makers, choice)
        request = _request(kit, kind, makers, choice)
        before, size = picture(cache_dir), content_bytes(cache_dir)
        soundness = len(scan_cache_dir(cache_dir).warnings)

        plan = kit.service.deletion.plan(ADMIN, request, purge=purge)
        done = kit.service.deletion.execute(ADMIN, plan.plan_id)

        gained = size - content_bytes(cache_dir)
        assert plan.freed_bytes == done.freed_bytes == gained
        assert content_bytes(cache_dir, trash=True) == size - done.freed_now_bytes
        assert len(scan_cache_dir(cache_dir).warnings) <= soundness
        _assert_survivors_are_whole(cache_dir, before)
        assert picture(cache_dir).items() <= before.items()
        if done.trash_id is not None:
            kit.service.deletion.restore(ADMIN, done.trash_id)
            assert picture(cache_dir) == before
            total = kit.restarted().refresh(ADMIN).total_size_bytes
            assert kit.service.info(ADMIN).total_size_bytes == total


def _kit(cache_dir: Path, makers: list[RepoMaker], choice: int) -> CacheKit:
    """Now and then one or two registered models come from a repository."""
    repo_id = makers[choice % len(makers)].repo_id
    wanted = {"first": ("a.bin", "d.txt"), "second": ("d.txt", "s/*")}
    specs = [ModelSpec(name, name, "", repo_id, 1, "mit", one) for name, one in wanted.items()]
    kit = CacheKit(cache_dir, models=tuple(specs[: choice % 3]))
    kit.now = dt.datetime.now(dt.UTC) + dt.timedelta(days=100)
    return kit


def _request(kit: CacheKit, kind: PlanKind, makers: list[RepoMaker], choice: int) -> PlanRequest:
    repo = makers[choice % len(makers)]
    commits = sorted(path.name for path in (repo.root / "snapshots").iterdir())
    if kind is PlanKind.REVISION and commits:
        return PlanRequest(kind, repo.folder, commits[choice % len(commits)])
    if kind is PlanKind.MODEL and kit.models:
        return PlanRequest(kind, choices=(kit.models[0].id,))
    if kind is PlanKind.RECLAIM:
        return PlanRequest(kind, choices=_every_other(_suggested(kit), choice))
    if kind in {PlanKind.REVISION, PlanKind.REPOSITORY, PlanKind.MODEL}:
        return PlanRequest(PlanKind.REPOSITORY, repo.folder)
    return PlanRequest(kind)


def _suggested(kit: CacheKit) -> list[str]:
    """Each suggestion promises what its plan frees."""
    found = kit.service.reclaimable(ADMIN)
    for one in found:
        request = PlanRequest(PlanKind.RECLAIM, choices=(one.id,))
        assert kit.service.deletion.plan(ADMIN, request).freed_bytes == one.bytes
    return [one.id for one in found]


def _every_other(found: list[str], choice: int) -> tuple[str, ...]:
    """All, or every second, or every third."""
    return tuple(found[choice % 2 :: choice % 3 + 1])


def _assert_survivors_are_whole(cache_dir: Path, before: dict[str, str]) -> None:
    for path in cache_dir.glob("*/snapshots/**/*"):
        if path.is_symlink():
            relative = path.relative_to(cache_dir).as_posix()
            assert before[relative] == f"-> {path.readlink()}"
            assert path.exists(), f"{relative} lost its blob"


# kills

STEPS = frozenset({"os.rename", "os.remove", "os.rmdir"})


def _die_at_step(number: int) -> None:
    """Let SIGKILL strike this process before its `number`th step."""
    seen = 0

    def count(event: str, _: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in STEPS:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def _in_a_child_that_dies(number: int, kit: CacheKit, plan_id: str) -> bool:
    """Execute a plan in a process that is killed on the way; whether it was."""
    child = os.fork()
    if not child:
        try:
            kit.engine.dispose(close=False)
            _die_at_step(number)
            kit.restarted().deletion.execute(ADMIN, plan_id)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("purge", [False, True], ids=["trash", "purge"])
def test_a_kill_at_any_step_leaves_a_sound_cache_and_the_plan_goes_on(
    tmp_path: Path, purge: bool
) -> None:
    for number in range(1, 80):
        root = tmp_path / str(number)
        kit = CacheKit(root / "hub", _folder(root) / "db.sqlite3")
        repo, old, new = two_revisions(kit.cache_dir)
        RepoMaker(kit.cache_dir, "org/second").commit({"x.bin": b"7" * 700}, refs=())
        repo.own_partial(50)
        loose = repo.commit({"l.bin": b"8" * 80, "same.bin": b"2" * 200}, refs=())
        plan = kit.service.deletion.plan(ADMIN, PRUNE, purge=purge)
        assert plan.freed_bytes == 700 + 50 + 80
        kit.engine.dispose()

        killed = _in_a_child_that_dies(number, kit, plan.plan_id)
        if not killed:
            break

        assert_sound(kit.cache_dir)
        again = kit.restarted()
        again.upkeep.run()
        assert_sound(kit.cache_dir)
        done = again.deletion.execute(ADMIN, plan.plan_id)
        assert (done.freed_bytes, done.freed_now_bytes) == (830, 830 if purge else 0)
        assert {item.repo_id for item in done.deleted} == {repo.repo_id, "org/second"}
        assert_sound(kit.cache_dir)
        assert content_bytes(kit.cache_dir) == 600
        assert {path.name for path in (repo.root / "snapshots").iterdir()} == {old, new}
        assert content_bytes(kit.cache_dir, trash=True) == 600 + (0 if purge else 830)
        entries = [(entry.id, entry.bytes) for entry in again.deletion.trash(ADMIN)]
        assert entries == ([] if done.trash_id is None else [(done.trash_id, 830)])
        if done.trash_id is not None:
            again.deletion.restore(ADMIN, done.trash_id)
            assert content_bytes(kit.cache_dir) == 600 + 830
            assert (repo.root / "snapshots" / loose / "l.bin").exists()
    else:
        pytest.fail("the execution never came to its end")
    assert number > 5


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "hub").mkdir()
    return path
