"""Small files are asked for one ahead: sooner, but never what is another program's."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from tests.standins.hub import Hub, ResetBeforeAnswer, Source, Status
from tests.test_transfer.support import (
    REPO,
    Cancelled,
    Control,
    assert_cache_is_right,
    blob_of,
    plan_of,
    transfer_of,
    wait_until,
)
from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.transfer import SnapshotTransfer

FILES: dict[str, Source] = {f"{number}.json": bytes([number]) * 50_000 for number in range(5)}
SECOND = "1.json"


def _plan(hub: Hub) -> DownloadPlan:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.forget_requests()
    return plan


def _one_lane(hub: Hub, cache_dir: Path) -> SnapshotTransfer:
    """On a busy machine the first file looks far away, and more lanes would share the others."""
    return transfer_of(hub.endpoint, cache_dir, small_lanes=1)


def _lock_of(cache_dir: Path, plan: DownloadPlan, path: str) -> FileLock:
    folder = cache_dir / ".locks" / plan.repo.folder_name
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{blob_of(cache_dir, plan, path).name}.lock", thread_local=False)


def test_the_second_file_is_asked_for_before_the_first_one_is_counted(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = _plan(hub)

    def look(fetched: int) -> None:
        if fetched == 50_000:
            wait_until(lambda: bool(hub.find(SECOND)))

    control.when_bytes = look
    _one_lane(hub, cache_dir).run(plan, control=control)

    assert [record.file for record in hub.requests] == list(FILES)
    assert_cache_is_right(cache_dir, plan)


def test_what_another_program_is_fetching_is_not_asked_for(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = _plan(hub)
    lock = _lock_of(cache_dir, plan, SECOND)
    lock.acquire()

    def let_go(kind: str) -> None:
        if kind == "waiting_for_lock":
            assert not hub.find(SECOND)
            lock.release()

    control.when_noted = let_go
    _one_lane(hub, cache_dir).run(plan, control=control)

    assert control.noted("waiting_for_lock")
    assert [record.file for record in hub.requests] == list(FILES)
    assert_cache_is_right(cache_dir, plan)


def test_a_connection_that_ends_in_between_is_made_anew(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = _plan(hub)
    hub.inject(ResetBeforeAnswer(), path=SECOND, count=1)

    _one_lane(hub, cache_dir).run(plan, control=control)

    assert not control.noted("retry")
    assert_cache_is_right(cache_dir, plan)


def test_what_is_missing_upstream_is_said_of_the_right_file(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = _plan(hub)
    hub.inject(Status(404, "EntryNotFound"), path=SECOND)

    with pytest.raises(Exception, match=SECOND):
        _one_lane(hub, cache_dir).run(plan, control=control)

    assert sorted(control.done) == sorted(set(FILES) - {SECOND})


def test_a_cancel_lets_go_of_the_next_files_lock(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = _plan(hub)
    control.when_bytes = lambda _: control.cancel()

    with pytest.raises(Cancelled):
        _one_lane(hub, cache_dir).run(plan, control=control)

    with _lock_of(cache_dir, plan, SECOND).acquire(blocking=False):
        assert not blob_of(cache_dir, plan, SECOND).exists()
