"""What becomes of a download when the hub misbehaves: its status, and what a retry does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.standins.hub import Hub, Pattern, Source, Status
from tests.test_services.download_rig import ADMIN, Rig
from yipyap_core.domain.downloads import DownloadState, RepoSnapshot
from yipyap_core.domain.jobs import Phase
from yipyap_core.domain.models import RepoRef
from yipyap_core.errors import HubUnreachable
from yipyap_core.jobs.tokens import CancelToken
from yipyap_core.jobs.work import JobContext
from yipyap_core.services.downloads.resolving import resolve

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


class Endless:
    """A hub that never comes to an end, until the test does."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def resolve(self, repo: RepoRef) -> RepoSnapshot:
        self.released.wait(30)
        return RepoSnapshot(repo, "0" * 40, ())


def test_a_hub_that_never_comes_to_an_end_is_given_up() -> None:
    hub, context = Endless(), cast(JobContext, SimpleNamespace(token=CancelToken()))

    with pytest.raises(HubUnreachable) as caught:
        resolve(context, hub, RepoRef("org/m"), patience_seconds=0.05)

    hub.released.set()
    assert "org/m" in caught.value.message
