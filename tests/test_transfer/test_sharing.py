"""Several programs on one cache: each byte is fetched once, and nobody waits for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from tests.standins.hub import Hub, Pattern, RemoteHub, Slow, Source
from tests.test_transfer.runner import finish, start
from tests.test_transfer.support import (
    REPO,
    Control,
    Running,
    assert_cache_is_right,
    blob_of,
    plan_of,
    transfer_of,
    wait_until,
)
from yipyap_core.errors import LockUnavailable
from yipyap_core.transfer.options import MIB

LARGE = "model.safetensors"
FILES: dict[str, Source] = {
    LARGE: Pattern(12 * MIB),
    "config.json": b"{}",
    "b.bin": Pattern(MIB, 1),
}


def test_two_servers_fetch_each_byte_once(remote_hub: RemoteHub, cache_dir: Path) -> None:
    hub = remote_hub
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(Slow(12_000_000), path=LARGE)

    processes = [start(hub.endpoint, cache_dir, plan) for _ in range(2)]
    ends = [finish(process)[-1] for process in processes]

    assert [end["end"] for end in ends] == ["done", "done"]
    assert all(end["fetched"] + end["kept"] == plan.total_bytes for end in ends)
    assert sum(end["fetched"] for end in ends) == plan.total_bytes
    assert hub.bytes_sent(port="cdn") == 13 * MIB
    assert_cache_is_right(cache_dir, plan)


def start_hf_download(hub: Hub | RemoteHub, cache_dir: Path, home: Path) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).parent / "hf"), "download", REPO, LARGE]
    return subprocess.Popen(
        [*command, "--cache-dir", str(cache_dir)],
        env={**os.environ, **hub.environment(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_ours_waits_for_the_hub_client_and_takes_its_blob(
    remote_hub: RemoteHub, cache_dir: Path, tmp_path: Path, control: Control
) -> None:
    hub = remote_hub
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(Slow(8_000_000), path=LARGE)
    theirs = start_hf_download(hub, cache_dir, tmp_path)
    hub.wait_for_bytes(MIB, LARGE)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    output, _ = theirs.communicate(timeout=30)
    assert theirs.returncode == 0, output
    assert control.noted("waiting_for_lock")
    assert control.done[LARGE] is False
    assert control.present == plan.total_bytes
    assert hub.bytes_sent(LARGE, port="cdn") == 12 * MIB
    assert_cache_is_right(cache_dir, plan)


def test_the_hub_client_waits_for_ours_and_takes_our_blob(
    remote_hub: RemoteHub, cache_dir: Path, tmp_path: Path, control: Control
) -> None:
    hub = remote_hub
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(Slow(4_000_000), path=LARGE)
    running = Running(transfer_of(hub.endpoint, cache_dir), plan, control)
    wait_until(lambda: control.fetched > MIB)

    theirs = start_hf_download(hub, cache_dir, tmp_path)

    output, _ = theirs.communicate(timeout=30)
    assert theirs.returncode == 0, output
    assert running.outcome() is None
    assert len(hub.find(LARGE, method="HEAD", port="api")) == 1
    assert hub.bytes_sent(LARGE, port="cdn") == 12 * MIB
    assert_cache_is_right(cache_dir, plan)


def test_a_lock_that_never_comes_ends_in_a_message(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    locks = cache_dir / ".locks" / plan.repo.folder_name
    locks.mkdir(parents=True)
    transfer = transfer_of(hub.endpoint, cache_dir, lock_timeout_seconds=0.3)
    lock = FileLock(locks / f"{blob_of(cache_dir, plan, LARGE).name}.lock")
    with lock, pytest.raises(LockUnavailable) as caught:
        transfer.run(plan, control=control)

    assert LARGE in caught.value.message
    assert not hub.find(LARGE)


def test_a_blob_that_appears_while_we_wait_for_a_stuck_lock_counts(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {"config.json": b"{}"}))
    blob = blob_of(cache_dir, plan, "config.json")
    locks = cache_dir / ".locks" / plan.repo.folder_name
    locks.mkdir(parents=True)
    with FileLock(locks / f"{blob.name}.lock"):
        control.when_noted = lambda _: appear(blob)
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert control.done == {"config.json": False}


def appear(blob: Path) -> None:
    blob.write_bytes(b"{}")


def test_a_lock_is_waited_for_as_long_as_its_holder_makes_progress(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {"config.json": b"{}"}))
    blob = blob_of(cache_dir, plan, "config.json")
    theirs = blob.with_name(f"{blob.name}.1a2b3c4d.incomplete")
    locks = cache_dir / ".locks" / plan.repo.folder_name
    locks.mkdir(parents=True)
    transfer = transfer_of(hub.endpoint, cache_dir, lock_timeout_seconds=0.6)
    with FileLock(locks / f"{blob.name}.lock"):
        running = Running(transfer, plan, control)
        wait_until(lambda: bool(control.noted("waiting_for_lock")))
        began = time.monotonic()
        while time.monotonic() - began < 1.5:
            with theirs.open("ab") as file:
                file.write(b"more")
            control.wait(0.05)
        blob.write_bytes(b"{}")

        assert running.outcome() is None

    assert control.done == {"config.json": False}
