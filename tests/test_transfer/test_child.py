"""What plain HTTP does not give: the hub's own client in a child process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.standins.hub import Corrupt, Hub, Injected, Pattern, Slow, Source, Stage, Status
from tests.test_transfer.relay import CERTIFICATE, relay
from tests.test_transfer.support import (
    REPO,
    Control,
    Running,
    assert_cache_is_right,
    assert_nothing_unfinished,
    plan_of,
    transfer_of,
    wait_until,
)
from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.errors import ConnectionLost, HashMismatch, HubAnswerInvalid

LARGE = "model.safetensors"
FILES: dict[str, Source] = {LARGE: Pattern(12_000_000), "config.json": b"{}"}


@pytest.fixture
def plan(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> DownloadPlan:
    """A plan whose large file the hub also offers from the xet store."""
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")  # the stand-in has no such store
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    offered = [
        replace(file, xet_hash="0" * 64) if file.path == LARGE else file for file in plan.files
    ]
    return replace(plan, files=tuple(offered))


def refuse_plain(hub: Hub) -> Injected:
    """Refuse ours, which asks first; the client of the child comes after."""
    return hub.inject(Status(418), path=LARGE, method="GET", on=Stage.RESOLVE, count=1)


def test_a_refused_file_is_fetched_by_the_hubs_own_client(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    refuse_plain(hub)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)
    assert control.noted("other_way")
    assert control.present == plan.total_bytes
    assert control.done == {LARGE: True, "config.json": True}


def test_the_child_trusts_what_we_trust(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    refuse_plain(hub)

    with relay(hub.endpoint, tls=True) as front:
        transfer = transfer_of(front.url, cache_dir, ca_file=CERTIFICATE)
        transfer.run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)
    assert control.noted("other_way")


def test_a_file_that_no_other_way_leads_to_stays_refused(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    refuse_plain(hub)
    plain = replace(plan, files=tuple(replace(file, xet_hash=None) for file in plan.files))

    with pytest.raises(HubAnswerInvalid):
        transfer_of(hub.endpoint, cache_dir).run(plain, control=control)


def test_the_child_is_ended_on_cancel_and_leaves_nothing(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    refuse_plain(hub)
    hub.inject(Slow(4_000_000), path=LARGE)
    running = Running(transfer_of(hub.endpoint, cache_dir), plan, control)
    hub.wait_for_bytes(500_000, LARGE)
    wait_until(lambda: any(cache_dir.rglob("*.incomplete")))

    running.cancel()

    assert not list(cache_dir.rglob("*.incomplete"))
    assert_nothing_unfinished(cache_dir)
    assert control.present == 2


def test_what_the_child_fetched_is_hashed_too(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    refuse_plain(hub)
    hub.inject(Corrupt(100), path=LARGE)

    with pytest.raises(HashMismatch):
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert not any(path.stat().st_size > 100 for path in cache_dir.rglob("blobs/*"))


def test_a_child_that_fails_is_named_without_its_address(
    hub: Hub, cache_dir: Path, control: Control, plan: DownloadPlan
) -> None:
    hub.inject(Status(418), path=LARGE)

    with pytest.raises(ConnectionLost) as caught:
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert LARGE in caught.value.message
    assert hub.endpoint not in caught.value.message
