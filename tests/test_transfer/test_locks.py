"""The lock of one blob on volumes that know flock, and on those that do not."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import SoftFileLock, Timeout

from tests.standins.hub import Hub
from tests.test_transfer.support import (
    REPO,
    Cancelled,
    Control,
    Running,
    blob_of,
    plan_of,
    transfer_of,
    wait_until,
)
from yipyap_core.errors import LockUnavailable
from yipyap_core.transfer import locks
from yipyap_core.transfer.locks import try_lock


def let_flock_say(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """No test can mount a volume without locks; on one, this call says so."""

    def refuse(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    let_flock_say(monkeypatch, errno.ENOSYS)


@pytest.mark.usefixtures("no_flock")
def test_without_flock_the_substitute_of_the_hubs_client_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "blob.lock"

    held = try_lock(str(path))

    assert held is not None
    assert try_lock(str(path)) is None
    with pytest.raises(Timeout):
        SoftFileLock(path, timeout=0).acquire()
    held.release()
    assert not path.exists()
    again = try_lock(str(path))
    assert again is not None
    again.release()


@pytest.mark.usefixtures("no_flock")
def test_the_substitute_of_a_killed_program_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "blob.lock"
    code = f"import filelock as f, os; l = f.SoftFileLock({str(path)!r}); l.acquire(); os._exit(9)"
    subprocess.run([sys.executable, "-c", code], check=False, timeout=30)
    assert path.exists()

    tries = [try_lock(str(path)) for _ in range(3)]  # one that finds it stale only removes it

    assert any(held is not None for held in tries)


def test_a_volume_that_gives_no_locks_is_named_at_once(
    hub: Hub, cache_dir: Path, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {"config.json": b"{}"}))
    let_flock_say(monkeypatch, errno.ENOLCK)

    with pytest.raises(LockUnavailable) as caught:
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert "gives no lock for config.json" in caught.value.message
    assert "HF_HOME" in caught.value.hint
    assert not hub.find("config.json")


class SilentVolume:
    """Where flock does not return before it is told to, as with a lock service that is away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers = threading.Event()
        self.asked = threading.Event()
        self._real = fcntl.flock
        monkeypatch.setattr(fcntl, "flock", self._flock)

    def _flock(self, descriptor: int, operation: int) -> None:
        self.asked.set()
        self.answers.wait(30)
        self._real(descriptor, operation)


@pytest.fixture
def silent_volume(monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentVolume]:
    volume = SilentVolume(monkeypatch)
    yield volume
    volume.answers.set()


def test_a_volume_that_never_answers_a_lock_ends_in_a_message(
    hub: Hub,
    cache_dir: Path,
    control: Control,
    silent_volume: SilentVolume,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {"config.json": b"{}"}))
    monkeypatch.setattr(locks, "SILENT_SECONDS", 0.1)

    with pytest.raises(LockUnavailable) as caught:
        transfer_of(hub.endpoint, cache_dir, lock_timeout_seconds=0.2).run(plan, control=control)

    assert "did not answer within 0.2 seconds" in caught.value.message
    assert "config.json" in caught.value.message
    assert "HF_HOME" in caught.value.hint
    assert len(control.noted("waiting_for_lock")) == 1
    silent_volume.answers.set()
    name = blob_of(cache_dir, plan, "config.json").name
    path = cache_dir / ".locks" / plan.repo.folder_name / f"{name}.lock"
    wait_until(lambda: try_lock(str(path)) is not None)  # what came too late was let go


def test_a_stop_does_not_wait_for_a_volume_that_never_answers_a_lock(
    hub: Hub, cache_dir: Path, control: Control, silent_volume: SilentVolume
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {"config.json": b"{}"}))
    running = Running(transfer_of(hub.endpoint, cache_dir), plan, control)
    assert silent_volume.asked.wait(20)

    control.cancel()

    assert isinstance(running.outcome(5), Cancelled)
