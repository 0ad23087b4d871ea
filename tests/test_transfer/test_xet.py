"""What only the xet store gives: the real client fetches it, out of a store that is real too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.standins.hub import (
    Corrupt,
    ExpiredSignature,
    Fault,
    Hang,
    Hub,
    HubInterface,
    Pattern,
    RemoteHub,
    Source,
    Stage,
    Stall,
    Status,
)
from tests.test_transfer.support import (
    REPO,
    Control,
    CountingLimit,
    Running,
    assert_cache_is_right,
    assert_nothing_unfinished,
    blob_of,
    digest_of,
    plan_of,
    transfer_of,
)
from tests.test_transfer.test_disk import run_mounted
from yipyap_core.domain.connections import HostUse
from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.errors import ConnectionLost, HashMismatch, Stalled
from yipyap_core.transfer import BandwidthLimit, child

LARGE = "model.safetensors"
SMALL = "config.json"
SIZE_BYTES = 12_000_000
FILES: dict[str, Source] = {LARGE: Pattern(SIZE_BYTES, seed=3), SMALL: b"{}"}
TERMS = "/v[12]/reconstructions/*"
XORBS = "/xorbs/*"


@pytest.fixture
def plan(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> DownloadPlan:
    """A plan whose large file only the xet store gives; that store's client hurries."""
    monkeypatch.setenv("HF_XET_CLIENT_RETRY_BASE_DELAY", "20ms")
    return offered_by_the_store_only(hub)


def offered_by_the_store_only(hub: HubInterface) -> DownloadPlan:
    """Plain HTTP to the large file is refused."""
    commit = hub.add_repo(REPO, FILES, xet=True)
    hub.inject(Status(418), path=LARGE, method="GET", on=Stage.RESOLVE)
    return plan_of(hub, commit)


def helpers() -> list[psutil.Process]:
    """The children of ours that fetch a file."""
    found = psutil.process_iter(["ppid", "cmdline"])
    ours = [process for process in found if process.info["ppid"] == os.getpid()]
    return [process for process in ours if child.MODULE in (process.info["cmdline"] or ())]


def assert_nothing_of_it_stays(cache_dir: Path, plan: DownloadPlan) -> None:
    assert not blob_of(cache_dir, plan, LARGE).exists()
    assert not list(cache_dir.rglob("*.incomplete"))
    assert not (cache_dir / plan.repo.folder_name / "snapshots" / plan.commit / LARGE).exists()
    assert_nothing_unfinished(cache_dir)
    assert helpers() == []


def test_a_file_only_the_store_offers_arrives_whole(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    hub.configure(server_bps=8_000_000)
    seen: set[int] = set()
    control.when_bytes = seen.add

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)
    assert not blob_of(cache_dir, plan, LARGE).is_symlink()
    assert control.done == {LARGE: True, SMALL: True}
    assert control.present == plan.total_bytes
    assert len({count for count in seen if 10 < count < SIZE_BYTES}) > 1
    assert "hub's own client" in control.noted("other_way")[0]


@pytest.mark.usefixtures("no_links")
def test_without_links_every_name_of_it_is_a_file(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    twins: dict[str, Source] = {LARGE: FILES[LARGE], "twin.safetensors": FILES[LARGE]}
    commit = hub.add_repo(REPO, twins, xet=True)
    hub.inject(Status(418), path="*.safetensors", method="GET", on=Stage.RESOLVE)
    plan = plan_of(hub, commit)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    folder = cache_dir / plan.repo.folder_name
    snapshot = folder / "snapshots" / plan.commit
    for file in plan.files:
        assert digest_of(file, (snapshot / file.path).read_bytes()) == file.etag
    assert not any((snapshot / name).is_symlink() for name in twins)
    assert control.done == dict.fromkeys(twins, True)
    assert_nothing_unfinished(cache_dir)


def test_what_a_killed_client_left_goes(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    blob = blob_of(cache_dir, plan, LARGE)
    left = blob.with_name(f"{blob.name}.0badcafe.incomplete")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"left")

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert not left.exists()
    assert_cache_is_right(cache_dir, plan)


def test_the_book_says_that_it_came_by_xet(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    (theirs,) = (use for use in control.uses() if use.client == "huggingface_hub")
    assert theirs == HostUse(hub.endpoint, "huggingface_hub", "xet", None, streams=1)
    assert all(record.authorization for record in hub.find(TERMS))
    assert hub.bytes_sent(XORBS) > SIZE_BYTES
    assert [record.method for record in hub.find(port="cdn")].count("POST") == 0


def test_the_hubs_client_takes_what_came_for_its_own(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)
    hub.stop()
    code = (
        "from huggingface_hub import snapshot_download; import sys\n"
        "print(snapshot_download(sys.argv[1], cache_dir=sys.argv[2], local_files_only=True))"
    )
    command = [sys.executable, "-c", code, REPO, str(cache_dir)]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert sorted(path.name for path in Path(done.stdout.strip()).iterdir()) == [SMALL, LARGE]


@pytest.mark.parametrize(
    ("fault", "where"),
    [
        (Status(404), "/v2/reconstructions/*"),  # an older store: the other question is asked
        (ExpiredSignature(), XORBS),
        (Status(503), TERMS),
    ],
)
def test_what_passes_is_got_over(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan, fault: Fault, where: str
) -> None:
    struck = hub.inject(fault, path=where, count=1)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert struck.strikes == 1
    assert_cache_is_right(cache_dir, plan)


def test_cancel_ends_the_child_and_leaves_nothing(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    hub.inject(Stall(300_000), path=XORBS)
    running = Running(transfer_of(hub.endpoint, cache_dir, stall_seconds=30), plan, control)
    hub.wait_until(lambda: control.fetched > 300_000 and SMALL in control.done)
    assert len(helpers()) == 1
    assert control.fleeting == control.fetched - 2

    took = running.cancel()

    assert took < child.END_SECONDS + 3
    assert_nothing_of_it_stays(cache_dir, plan)
    assert control.present == 2
    assert control.fleeting == 0


@pytest.mark.parametrize("code", [403, 404, 500])
def test_a_store_that_refuses_is_named_with_its_answer(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan, code: int
) -> None:
    hub.inject(Status(code), on=Stage.CAS)

    with pytest.raises(ConnectionLost) as caught:
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert LARGE in caught.value.message
    assert f"the xet store refused, status {code}" in caught.value.message
    assert "127.0.0.1" not in caught.value.message
    assert "anew" in (caught.value.hint or "")
    assert_nothing_of_it_stays(cache_dir, plan)


def test_damaged_bytes_are_found_by_their_hash(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    hub.inject(Corrupt(1000), path=XORBS, nth=1)

    with pytest.raises(HashMismatch):
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert_nothing_of_it_stays(cache_dir, plan)
    transfer_of(hub.endpoint, cache_dir).run(plan, control=Control())
    assert_cache_is_right(cache_dir, plan)


def test_a_damaged_pack_is_refused_by_the_client(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    hub.inject(Corrupt(0), path=XORBS)

    with pytest.raises(ConnectionLost, match="damaged data"):
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert_nothing_of_it_stays(cache_dir, plan)


def test_a_store_that_never_answers_is_given_up(
    hub: Hub,
    cache_dir: Path,
    control: Control,
    plan: DownloadPlan,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_XET_CLIENT_READ_TIMEOUT", "60s")  # the client itself would wait on
    hub.inject(Hang(), path=TERMS)
    transfer = transfer_of(hub.endpoint, cache_dir, stall_seconds=0.5, client_patience_seconds=4)

    with pytest.raises(Stalled, match=LARGE):
        transfer.run(plan, control=control)

    assert_nothing_of_it_stays(cache_dir, plan)


def test_xorbs_that_never_come_are_given_up_by_the_client(
    hub: Hub,
    cache_dir: Path,
    control: Control,
    plan: DownloadPlan,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its patience with one answer is ours: minutes of waiting would end as a stall of ours."""
    monkeypatch.setenv("HF_XET_CLIENT_RETRY_MAX_ATTEMPTS", "1")
    held = hub.inject(Hang(), path=XORBS)

    with pytest.raises(ConnectionLost, match="the xet store did not give it"):
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert held.strikes > 1
    assert_nothing_of_it_stays(cache_dir, plan)


def test_a_full_volume_is_named_as_such(remote_hub: RemoteHub, tmp_path: Path) -> None:
    plan = offered_by_the_store_only(remote_hub)
    volume = tmp_path / "volume"

    events = run_mounted(
        remote_hub,
        volume,
        plan,
        f"mount -t tmpfs -o size=6m tmpfs {volume}",
        "TRANSFER",
        f"mount -o remount,size=40m {volume}",
        "TRANSFER",
    )

    full, done = [event for event in events if "end" in event]
    assert full["end"] == "disk_full"
    assert LARGE in full["message"]
    assert full["free"] > 5_000_000  # what had come of it is deleted
    assert done["end"] == "done"


def test_a_child_whose_parent_is_gone_ends(hub: Hub, cache_dir: Path, plan: DownloadPlan) -> None:
    hub.inject(Hang(), path=TERMS)
    order = {
        "repo_id": REPO,
        "revision": plan.commit,
        "filename": LARGE,
        "cache_dir": str(cache_dir),
        "endpoint": hub.endpoint,
        "token": False,
        "xet": True,
        "patience_seconds": 60,
        "proxy": "",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", child.MODULE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    process.stdin.write(json.dumps(order).encode() + os.linesep.encode())
    process.stdin.flush()
    hub.wait_for_requests(1, TERMS)

    process.stdin.close()

    assert process.wait(20) == 1
    assert process.stdout
    process.stdout.close()


def test_the_limit_of_the_host_holds_the_child_too(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    limit = BandwidthLimit(SIZE_BYTES // 3)
    began = time.monotonic()

    transfer_of(hub.endpoint, cache_dir, limit=limit).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)
    assert time.monotonic() - began > 2.9


def test_nothing_reaches_the_store_but_through_the_gate(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the environment exempts or names, the child does not heed: that is ours to do."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    limit = CountingLimit()

    transfer_of(hub.endpoint, cache_dir, limit=limit).run(plan, control=control)

    assert limit.taken > SIZE_BYTES
    assert_cache_is_right(cache_dir, plan)
