"""What becomes of a download when the hub misbehaves: its status, and what a retry does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standins.hub import Hub, Pattern, Source, Status
from tests.test_services.download_rig import ADMIN, Rig
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.jobs import Phase

FILES: dict[str, Source] = {
    "config.json": b"{}",
    "model.safetensors": Pattern(3_000_000),
    "extra.txt": b"more",
}


@pytest.fixture
def rig(tmp_path: Path, hub: Hub) -> Iterator[Rig]:
    rig = Rig(tmp_path / "server", hub).start()
    rig.shelf.add("m", "org/m")
    yield rig
    rig.close()


@pytest.mark.parametrize(
    ("gone", "code"),
    [("EntryNotFound", "file_not_found"), ("RevisionNotFound", "revision_not_found")],
)
def test_a_retry_plans_again_where_the_hub_has_no_more_what_was_planned(
    rig: Rig, hub: Hub, gone: str, code: str
) -> None:
    hub.add_repo("org/m", FILES)
    fault = hub.inject(Status(404, gone), path="extra.txt")
    failed = rig.download("m")
    assert failed.status is DownloadState.FAILED
    assert failed.error is not None
    assert (failed.error.code, failed.error.retryable) == (code, True)
    assert "plan again" in failed.error.hint
    kept = failed.resumable_bytes
    fault.remove()
    rewritten = hub.commit("org/m", {"extra.txt": None, "config.json": b"[]"})
    hub.forget_requests()

    done = rig.download("m")

    assert (done.resolved_commit, done.verified) == (rewritten, True)
    assert done.progress.files_total == 2
    assert kept < 3_000_000 or not hub.find("model.safetensors")


@pytest.mark.parametrize("asked", ["99999999999999999", "inf", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_wait_that_no_calendar_holds_is_a_wait_like_any_other(
    rig: Rig, hub: Hub, asked: str
) -> None:
    hub.add_repo("org/m", FILES)
    hub.inject(Status(429, headers={"Retry-After": asked}), path="config.json")
    rig.service.start(ADMIN, "m")

    waiting = rig.wait("m", lambda one: one.error is not None)

    assert waiting.error is not None
    assert (waiting.phase, waiting.error.code) == (Phase.QUEUED, "hub_busy")
    assert rig.service.timeline("m")[-1].message.endswith("Retry in 86400 seconds.")
