"""A volume that is full, read-only, or without links: real file systems in a namespace."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from huggingface_hub import snapshot_download

from tests.standins.hub import Hub, Pattern, RemoteHub, Source
from tests.standins.mounting import run_where_anybody_mounts
from tests.test_transfer.support import (
    REPO,
    Control,
    assert_nothing_unfinished,
    plan_of,
    transfer_of,
)
from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.errors import DiskFull, UnsafePath
from yipyap_core.transfer import present
from yipyap_core.transfer.disk import remove_large
from yipyap_core.transfer.layout import Layout
from yipyap_core.transfer.linking import link
from yipyap_core.transfer.options import MIB
from yipyap_core.transfer.partial import Partial

LARGE = "model.safetensors"
FILES: dict[str, Source] = {LARGE: Pattern(12 * MIB), "config.json": b"{}"}


def run_mounted(
    hub: RemoteHub, folder: Path, plan: DownloadPlan, *steps: str, **more: Any
) -> list[dict[str, Any]]:
    """Run shell steps in a mount namespace of their own; TRANSFER stands for the transfer."""
    folder.mkdir(exist_ok=True)
    given = {
        "endpoint": hub.endpoint,
        "cache_dir": str(folder / "hub"),
        "repo_id": plan.repo.repo_id,
        "commit": plan.commit,
        "files": [asdict(file) for file in plan.files],
        **more,
    }
    question = folder.with_suffix(".json")
    question.write_text(json.dumps(given))
    transfer = f"{sys.executable} -m tests.test_transfer.runner < {question}"
    script = " && ".join(["set -e", *steps]).replace("TRANSFER", transfer)
    return [json.loads(line) for line in run_where_anybody_mounts(script).splitlines()]


def test_a_full_disk_keeps_what_is_complete_and_goes_on_when_there_is_room(
    remote_hub: RemoteHub, tmp_path: Path
) -> None:
    hub = remote_hub
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    folder = tmp_path / "volume"

    events = run_mounted(
        hub,
        folder,
        plan,
        f"mount -t tmpfs -o size=6m tmpfs {folder}",
        "TRANSFER",
        f"mount -o remount,size=40m {folder}",
        "TRANSFER",
    )

    full, done = [event for event in events if "end" in event]
    assert full["end"] == "disk_full"
    assert LARGE in full["message"]
    assert full["needed"] > 6 * MIB
    assert full["free"] < MIB
    assert {event["done"] for event in events[: events.index(full)] if "done" in event} == {
        "config.json"
    }
    assert done["end"] == "done"
    assert done["kept"] >= 4 * MIB
    assert done["kept"] + done["fetched"] == plan.total_bytes


def test_a_read_only_cache_says_so(remote_hub: RemoteHub, tmp_path: Path) -> None:
    hub = remote_hub
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    folder = tmp_path / "volume"

    events = run_mounted(hub, folder, plan, f"mount -t tmpfs -o ro tmpfs {folder}", "TRANSFER")

    assert events[-1]["end"] == "cache_read_only"
    assert str(tmp_path) not in events[-1]["message"]


def test_a_complete_read_only_cache_is_complete(remote_hub: RemoteHub, tmp_path: Path) -> None:
    hub = remote_hub
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    folder = tmp_path / "volume"

    events = run_mounted(
        hub,
        folder,
        plan,
        f"mount -t tmpfs tmpfs {folder}",
        "TRANSFER",
        f"mount -o remount,ro {folder}",
        "TRANSFER",
    )

    assert [event["end"] for event in events if "end" in event] == ["done", "done"]


@pytest.mark.usefixtures("no_links")
def test_without_links_a_copy_that_finds_no_room_leaves_nothing(
    hub: Hub, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins: dict[str, Source] = {"a.bin": Pattern(12 * MIB), "b.bin": Pattern(12 * MIB)}
    plan = plan_of(hub, hub.add_repo(REPO, twins))

    def fill_up(source: BinaryIO, target: BinaryIO, length: int) -> None:
        target.write(source.read(length))
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(shutil, "copyfileobj", fill_up)
    with pytest.raises(DiskFull):
        transfer_of(hub.endpoint, cache_dir).run(plan, control=Control())

    assert_nothing_unfinished(cache_dir)


@pytest.mark.usefixtures("no_links")
def test_without_links_the_name_is_the_file_itself(hub: Hub, cache_dir: Path) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))

    transfer_of(hub.endpoint, cache_dir).run(plan, control=Control())

    layout = Layout(cache_dir, plan.repo, plan.commit)
    for file in plan.files:
        assert not layout.pointer(file).is_symlink()
        assert layout.is_linked(file)
    assert list(layout.blobs.iterdir()) == []  # as the hub's client does: nothing twice
    assert present(plan, cache_dir).complete
    again = Control()
    transfer_of(hub.endpoint, cache_dir).run(plan, control=again)
    assert again.fetched == 0
    snapshot_download(REPO, cache_dir=cache_dir, local_files_only=True)


@pytest.mark.usefixtures("no_links")
def test_without_links_every_name_of_a_content_is_a_file(hub: Hub, cache_dir: Path) -> None:
    content = Pattern(12 * MIB)
    files: dict[str, Source] = {"a.bin": content, "b.bin": content, "c.bin": content}
    plan = plan_of(hub, hub.add_repo(REPO, files))

    transfer_of(hub.endpoint, cache_dir).run(plan, control=Control())

    layout = Layout(cache_dir, plan.repo, plan.commit)
    contents = {layout.pointer(file).read_bytes() for file in plan.files}
    assert [len(one) for one in contents] == [12 * MIB]
    assert list(layout.blobs.iterdir()) == []
    assert present(plan, cache_dir).complete


def test_a_link_in_the_snapshot_cannot_lead_a_name_out_of_it(
    hub: Hub, cache_dir: Path, tmp_path: Path
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {"sub/config.json": b"{}"}))
    layout = Layout(cache_dir, plan.repo, plan.commit)
    layout.prepare()
    outside = tmp_path / "outside"
    outside.mkdir()
    (layout.snapshot / "sub").symlink_to(outside)

    with pytest.raises(UnsafePath):
        transfer_of(hub.endpoint, cache_dir).run(plan, control=Control())

    assert list(outside.iterdir()) == []


def test_a_name_that_leads_elsewhere_is_pointed_anew(hub: Hub, cache_dir: Path) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {"config.json": b"{}"}))
    layout = Layout(cache_dir, plan.repo, plan.commit)
    layout.prepare()
    layout.pointer(plan.files[0]).symlink_to("../../blobs/" + "0" * 40)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=Control())

    assert layout.pointer(plan.files[0]).read_bytes() == b"{}"
    link(layout, plan.files[0], is_last=True)
    assert present(plan, cache_dir).complete


def test_who_deletes_a_large_file_does_not_wait_until_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_close, closed = threading.Event(), threading.Event()
    close = os.close

    def close_slowly(descriptor: int) -> None:
        may_close.wait(20)
        close(descriptor)
        closed.set()

    path = tmp_path / "a.part"
    path.write_bytes(b"gigabytes")
    monkeypatch.setattr(os, "close", close_slowly)
    remove_large(str(path))
    assert not path.exists()
    may_close.set()
    assert closed.wait(20)


def test_a_link_is_deleted_and_not_what_it_leads_to(tmp_path: Path) -> None:
    kept, link_to_it = tmp_path / "kept", tmp_path / "a.part"
    kept.write_bytes(b"")
    link_to_it.symlink_to(kept)
    for _ in range(2):  # the second time there is none
        remove_large(str(link_to_it))
    assert list(tmp_path.iterdir()) == [kept]


def test_a_new_partial_file_is_not_cut_for_then_its_close_would_wait_for_the_disk(
    hub: Hub, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {"a.safetensors": Pattern(2 * MIB)}))
    layout = Layout(cache_dir, plan.repo, plan.commit)
    layout.prepare()
    cut: list[int] = []
    monkeypatch.setattr(os, "ftruncate", lambda _, size: cut.append(size))
    partial = Partial(layout, plan.files[0])
    assert cut == []
    partial.write(0, memoryview(b"x"))
    partial.reset()
    partial.close()
    assert cut == [0]
