from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, snapshot_download

from tests.standins.hub import (
    Corrupt,
    Hub,
    Pattern,
    Slow,
    Source,
    Stall,
    Status,
    Token,
)
from tests.test_services.download_rig import ADMIN, USER, Rig
from yipyap_core.domain.download_queue import QuietHours
from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.domain.jobs import Phase
from yipyap_core.errors import (
    DownloadsDisabled,
    Forbidden,
    InsufficientStorage,
    NotRunning,
    UnknownFile,
    UnknownModel,
)
from yipyap_core.jobs.meter import Meter
from yipyap_core.transfer.options import MIB

MB = 1_000_000


@pytest.fixture
def rig(tmp_path: Path, hub: Hub) -> Iterator[Rig]:
    rig = Rig(tmp_path / "server", hub).start()
    yield rig
    rig.close()


def small_repo(hub: Hub, repo_id: str = "org/small", weights_bytes: int = 3 * MB) -> str:
    files: dict[str, Source] = {
        "config.json": b'{"a": 1}',
        "model.safetensors": Pattern(weights_bytes),
        "sub/extra.txt": b"more",
        "ignored.bin": Pattern(50_000),
    }
    return hub.add_repo(repo_id, files)


def moving(status: DownloadStatus) -> bool:
    return status.phase is Phase.TRANSFERRING and status.progress.bytes_done > 0


def test_a_download_fills_a_cache_that_the_real_client_accepts(rig: Rig, hub: Hub) -> None:
    commit = small_repo(hub)
    rig.shelf.add("m", "org/small", ignore_patterns=("*.bin",))
    before = rig.service.status("m")
    assert (before.status, before.phase) == (DownloadState.NOT_STARTED, Phase.IDLE)
    status, live = rig.service.start(ADMIN, "m")
    assert live and status.status is DownloadState.DOWNLOADING
    done = rig.end_of("m")
    assert (done.status, done.phase, done.verified) == (DownloadState.COMPLETED, Phase.DONE, True)
    assert (done.progress.percent, done.resolved_commit) == (100.0, commit)
    assert (done.progress.files_done, done.progress.files_total) == (3, 3)
    folder = snapshot_download(
        "org/small", cache_dir=rig.cache, local_files_only=True, ignore_patterns=["*.bin"]
    )
    assert Path(folder, "config.json").read_bytes() == b'{"a": 1}'
    api = HfApi(endpoint=hub.endpoint)
    report = api.verify_repo_checksums("org/small", revision=commit, cache_dir=rig.cache)
    assert (report.checked_count, report.mismatches) == (3, [])
    assert rig.service.start(ADMIN, "m") == (rig.service.status("m"), False)
    kinds = [event.kind for event in rig.service.timeline("m")]
    assert kinds[0] == "queued" and kinds[-1] == "done" and "resolved" in kinds
    job = rig.service.history("m")[0]
    assert (job.actor, job.fetched_bytes) == ("ada", done.progress.bytes_total)


def test_only_administrators_may_change_anything(rig: Rig) -> None:
    rig.shelf.add("m", "org/small")
    for call in (
        lambda: rig.service.start(USER, "m"),
        lambda: rig.service.pause(USER, "m"),
        lambda: rig.service.resume(USER, "m"),
        lambda: rig.service.cancel(USER, "m"),
        lambda: rig.service.set_limits(USER, 3),
        lambda: rig.service.set_quiet_hours(USER, None),
        lambda: rig.service.move(USER, "m", 1),
        lambda: rig.service.prioritise(USER, "m", 1),
    ):
        with pytest.raises(Forbidden):
            call()


def test_an_unknown_model_is_refused_by_name(rig: Rig) -> None:
    with pytest.raises(UnknownModel):
        rig.service.start(ADMIN, "nothing")
    with pytest.raises(UnknownModel):
        rig.service.status("nothing")


def test_pause_keeps_and_resume_goes_on_from_there(rig: Rig, hub: Hub) -> None:
    small_repo(hub, weights_bytes=24 * MB)
    rig.shelf.add("m", "org/small")
    slow = hub.inject(Slow(12 * MB), path="model.safetensors")
    rig.service.start(ADMIN, "m")
    rig.wait("m", lambda one: one.progress.bytes_done > 6 * MB)
    paused = rig.service.pause(ADMIN, "m")
    assert (paused.status, paused.phase) == (DownloadState.DOWNLOADING, Phase.PAUSED)
    kept = rig.service.what_is_kept("m")
    assert kept.kept_bytes + kept.current_bytes == paused.progress.bytes_done
    assert kept.current_file == "model.safetensors"
    slow.remove()
    hub.forget_requests()
    rig.service.resume(ADMIN, "m")
    done = rig.end_of("m")
    assert done.verified
    starts = [one.range_start or 0 for one in hub.find("model.safetensors", port="cdn")]
    assert min(starts) >= kept.current_bytes - 4 * MB
    assert rig.service.history("m")[0].fetched_bytes <= done.progress.bytes_total + 4 * MB


def test_cancel_asks_what_becomes_of_the_unfinished_files(rig: Rig, hub: Hub) -> None:
    small_repo(hub, weights_bytes=24 * MB)
    rig.shelf.add("m", "org/small")
    hub.inject(Slow(12 * MB), path="model.safetensors")
    rig.service.start(ADMIN, "m")
    rig.wait("m", lambda one: one.progress.bytes_done > 6 * MB)
    cancelled = rig.service.cancel(ADMIN, "m")
    assert (cancelled.status, cancelled.phase) == (DownloadState.NOT_STARTED, Phase.CANCELLED)
    assert cancelled.resumable_bytes > 6 * MB
    with pytest.raises(NotRunning):
        rig.service.cancel(ADMIN, "m")
    again, _ = rig.service.start(ADMIN, "m")
    assert again.job_id != cancelled.job_id
    rig.wait("m", lambda one: one.progress.bytes_done > 8 * MB and moving(one))
    gone = rig.service.cancel(ADMIN, "m", keep=False)
    assert gone.resumable_bytes < MB
    assert rig.blob_bytes() < MB


def test_what_an_earlier_job_left_is_known_while_the_next_one_waits(rig: Rig, hub: Hub) -> None:
    small_repo(hub, weights_bytes=24 * MB)
    rig.shelf.add("m", "org/small")
    hub.inject(Slow(12 * MB), path="model.safetensors")
    rig.service.start(ADMIN, "m")
    rig.wait("m", lambda one: one.progress.bytes_done > 6 * MB)
    left = rig.service.cancel(ADMIN, "m")
    rig.service.set_quiet_hours(ADMIN, around_now(rig))

    waiting, _ = rig.service.start(ADMIN, "m")

    assert (waiting.phase, waiting.attempt) == (Phase.QUEUED, 0)
    assert waiting.resumable_bytes == left.resumable_bytes
    kept = rig.service.what_is_kept("m")
    assert kept.kept_bytes + kept.current_bytes == left.resumable_bytes
    again = rig.service.cancel(ADMIN, "m")
    assert again.resumable_bytes == left.resumable_bytes
    rig.service.start(ADMIN, "m")
    gone = rig.service.cancel(ADMIN, "m", keep=False)
    assert gone.resumable_bytes < MB
    assert rig.blob_bytes() < MB


def around_now(rig: Rig) -> QuietHours:
    """Quiet hours that are on."""
    now = rig.clock.now().astimezone()
    hour = dt.timedelta(hours=1)
    return QuietHours((now - hour).time(), (now + hour).time())


def test_a_stalled_line_is_left_at_once(rig: Rig, hub: Hub) -> None:
    small_repo(hub)
    rig.shelf.add("m", "org/small")
    hub.inject(Stall(MB), path="model.safetensors")
    rig.service.start(ADMIN, "m")
    rig.wait("m", lambda one: one.progress.bytes_done > MB // 2)
    before = rig.clock.monotonic()
    assert rig.service.pause(ADMIN, "m").phase is Phase.PAUSED
    assert rig.clock.monotonic() - before < 1.0


Fault = Callable[[Hub, Rig], object]


def closed_to_strangers(hub: Hub, rig: Rig) -> None:  # noqa: ARG001
    hub.add_repo("org/small", {"a": b"a"}, gated=True)


def closed_to_a_narrow_token(hub: Hub, rig: Rig) -> None:
    hub.add_repo("org/small", {"a": b"a"}, gated=True)
    hub.add_token(Token("hf_narrow", role="fineGrained", gated_scope=False))
    rig.switches.token = "hf_narrow"


def wrong_token(hub: Hub, rig: Rig) -> None:
    small_repo(hub)
    rig.switches.token = "hf_wrong"


def no_such_revision(hub: Hub, rig: Rig) -> None:
    small_repo(hub)
    rig.shelf.add("m", "org/small", revision="no-such-branch")


def no_such_files(hub: Hub, rig: Rig) -> None:
    small_repo(hub)
    rig.shelf.add("m", "org/small", allow_patterns=("nothing*",))


def always_busy(hub: Hub, rig: Rig) -> None:  # noqa: ARG001
    small_repo(hub)
    hub.inject(Status(503), path="model.safetensors")


def always_damaged(hub: Hub, rig: Rig) -> None:  # noqa: ARG001
    small_repo(hub)
    hub.inject(Corrupt(5), path="model.safetensors")


def no_repository(hub: Hub, rig: Rig) -> None:
    """Nothing is declared."""


def away(hub: Hub, rig: Rig) -> None:  # noqa: ARG001
    hub.stop()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (no_repository, "repository_not_found"),
        (closed_to_strangers, "gated_repository"),
        (closed_to_a_narrow_token, "gated_repository"),
        (wrong_token, "token_rejected"),
        (no_such_revision, "revision_not_found"),
        (no_such_files, "file_not_found"),
        (always_busy, "hub_busy"),
        (always_damaged, "hash_mismatch"),
        (away, "hub_unreachable"),
    ],
)
def test_what_goes_wrong_is_a_failed_state_with_code_sentence_and_hint(
    rig: Rig, hub: Hub, fault: Fault, code: str
) -> None:
    rig.shelf.add("m", "org/small")
    fault(hub, rig)
    failed = rig.download("m")
    assert failed.status is DownloadState.FAILED
    assert failed.error is not None and failed.error.code == code
    assert failed.error.message and failed.error.hint
    assert "hf_" not in failed.error.message


def test_retry_after_a_failure_keeps_what_had_arrived_whole(rig: Rig, hub: Hub) -> None:
    small_repo(hub)
    rig.shelf.add("m", "org/small")
    fault = hub.inject(Corrupt(5), path="model.safetensors")
    failed = rig.download("m")
    assert failed.status is DownloadState.FAILED
    assert failed.progress.files_done == 3  # all but the one
    fault.remove()
    hub.forget_requests()
    assert rig.download("m").verified
    assert {one.file for one in hub.requests if one.file} == {"model.safetensors"}
    assert len(rig.service.history("m")) == 1  # the same job


def test_a_plan_that_does_not_fit_is_refused_before_the_first_byte(rig: Rig, hub: Hub) -> None:
    small_repo(hub)
    rig.shelf.add("m", "org/small")
    rig.switches.free_bytes = MB
    failed = rig.download("m")
    assert failed.error is not None and failed.error.code == "insufficient_storage"
    assert not hub.find("model.safetensors")
    with pytest.raises(InsufficientStorage) as again:  # by the listing of the first attempt
        rig.service.start(ADMIN, "m")
    assert again.value.needed_bytes == failed.progress.bytes_total
    rig.switches.free_bytes = None
    slow = hub.inject(Stall(MB), path="model.safetensors")
    rig.service.start(ADMIN, "m")
    rig.wait("m", moving)
    rig.service.cancel(ADMIN, "m")
    slow.remove()
    rig.switches.free_bytes = MB
    with pytest.raises(InsufficientStorage) as refused:  # now the plan is known at once
        rig.service.start(ADMIN, "m")
    assert refused.value.free_bytes == MB and refused.value.needed_bytes > MB


def test_downloads_that_wait_count_against_the_free_space(rig: Rig, hub: Hub) -> None:
    for name in ("one", "two"):
        hub.add_repo(f"org/{name}", {"model.safetensors": Pattern(3 * MB, seed=len(name))})
        rig.shelf.add(name, f"org/{name}")
    rig.switches.free_bytes = 4 * MB
    hub.inject(Stall(10_000), path="model.safetensors", repo_id="org/one")
    rig.service.start(ADMIN, "one")
    rig.wait("one", lambda one: one.phase in {Phase.TRANSFERRING, Phase.STALLED})
    failed = rig.download("two")
    assert failed.error is not None and failed.error.code == "insufficient_storage"


def test_downloads_can_be_forbidden_at_any_moment(rig: Rig, hub: Hub) -> None:
    small_repo(hub)
    small_repo(hub, "org/done", 100_000)
    rig.shelf.add("m", "org/small")
    rig.shelf.add("done", "org/done")
    rig.download("done")
    hub.inject(Stall(MB), path="model.safetensors")
    rig.service.start(ADMIN, "m")
    rig.wait("m", moving)
    generation = rig.service.generation
    rig.switches.disabled = True
    assert rig.service.generation != generation
    statuses = {name: one.status for name, one in rig.service.statuses().items()}
    assert statuses == {"m": DownloadState.DISABLED, "done": DownloadState.COMPLETED}
    assert rig.service.start(ADMIN, "done")[1] is False
    for call in (rig.service.start, rig.service.resume):
        with pytest.raises(DownloadsDisabled, match=r"^Model downloads are disabled$"):
            call(ADMIN, "m")
    rig.wait("m", lambda _: bool(rig.service.queue().paused))
    rig.switches.disabled = False
    rig.wait("m", lambda one: one.phase is Phase.PAUSED)  # the view is a second old at most
    assert rig.service.status("m").phase is Phase.PAUSED


def test_what_another_tool_downloaded_is_complete_but_not_verified(rig: Rig, hub: Hub) -> None:
    small_repo(hub)
    rig.shelf.add("m", "org/small")
    generation = rig.service.generation
    snapshot_download("org/small", cache_dir=rig.cache, endpoint=hub.endpoint)
    rig.service.refresh()
    found = rig.service.status("m")
    assert (found.status, found.verified) == (DownloadState.COMPLETED, False)
    assert found.progress.percent == 100.0
    assert rig.service.generation != generation


def test_what_another_tool_left_is_hashed_and_only_the_rest_is_fetched(
    rig: Rig, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_repo(hub)
    rig.shelf.add("m", "org/small")
    snapshot_download(
        "org/small", cache_dir=rig.cache, endpoint=hub.endpoint, allow_patterns=["model*"]
    )
    hub.forget_requests()
    left: list[int] = []
    monkeypatch.setattr(Meter, "hashing", lambda *about: left.append(about[-1]))
    done = rig.download("m")
    assert done.verified
    assert not hub.find("model.safetensors")
    assert left == [3 * MB, 3 * MB, 3 * MB - MIB, 3 * MB - 2 * MIB, 0]


def test_a_damaged_file_of_another_tool_is_fetched_again(rig: Rig, hub: Hub) -> None:
    small_repo(hub)
    rig.shelf.add("m", "org/small")
    snapshot_download(
        "org/small", cache_dir=rig.cache, endpoint=hub.endpoint, allow_patterns=["model*"]
    )
    blob = next(rig.cache.glob("models--org--small/blobs/*"))
    wrong = bytearray(blob.read_bytes())
    wrong[100] ^= 1
    blob.write_bytes(wrong)
    assert rig.download("m").verified
    assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    assert "restart_file" in [event.kind for event in rig.service.timeline("m")]


def test_deleted_files_make_a_finished_download_not_started(rig: Rig, hub: Hub) -> None:
    small_repo(hub)
    rig.shelf.add("m", "org/small")
    assert rig.download("m").status is DownloadState.COMPLETED
    next(rig.cache.glob("models--*/snapshots/*/sub/extra.txt")).unlink()
    assert rig.service.status("m").status is DownloadState.NOT_STARTED
    assert rig.download("m").status is DownloadState.COMPLETED


def test_a_kept_file_that_was_touched_is_no_longer_verified(rig: Rig, hub: Hub) -> None:
    small_repo(hub)
    rig.shelf.add("m", "org/small")
    assert rig.download("m").verified
    blob = next(rig.cache.glob("models--*/snapshots/*/model.safetensors")).resolve()
    wrong = bytearray(blob.read_bytes())
    wrong[5] ^= 1
    blob.write_bytes(wrong)
    rig.service.refresh()
    status = rig.service.status("m")
    assert (status.status, status.verified) == (DownloadState.COMPLETED, False)


def test_another_server_goes_on_where_a_stopped_one_was(rig: Rig, hub: Hub) -> None:
    small_repo(hub, weights_bytes=24 * MB)
    rig.shelf.add("m", "org/small")
    slow = hub.inject(Slow(12 * MB), path="model.safetensors")
    rig.service.start(ADMIN, "m")
    rig.wait("m", lambda one: one.progress.bytes_done > 6 * MB)
    rig.close()
    slow.remove()
    hub.forget_requests()
    following = rig.again()
    at_rest = following.service.status("m")
    assert at_rest.status is DownloadState.DOWNLOADING and at_rest.progress.bytes_done > 6 * MB
    following.start()
    try:
        assert following.end_of("m").verified
    finally:
        following.close()
    assert not hub.find("/api/*")  # at the recorded commit, without asking again


def test_limits_hold_at_once_and_are_kept(rig: Rig, hub: Hub) -> None:
    for name in ("a", "b", "c"):
        hub.add_repo(f"org/{name}", {"model.safetensors": Pattern(3 * MB, seed=ord(name))})
        rig.shelf.add(name, f"org/{name}")
        rig.service.start(ADMIN, name)
    hub.inject(Stall(MB), path="model.safetensors")
    queue = rig.service.set_limits(ADMIN, max_concurrent=1, bandwidth_limit_bps=5 * MB)
    assert (queue.max_concurrent, queue.bandwidth_limit_bps) == (1, 5 * MB)
    assert rig.bandwidth.bytes_per_second == 5 * MB
    following = rig.again()
    assert following.service.queue().max_concurrent == 1
    assert following.bandwidth.bytes_per_second == 5 * MB
    assert rig.service.set_limits(ADMIN, bandwidth_limit_bps=0).bandwidth_limit_bps is None
    following.close()


def test_one_file_can_be_restarted(rig: Rig, hub: Hub) -> None:
    small_repo(hub, weights_bytes=24 * MB)
    rig.shelf.add("m", "org/small")
    slow = hub.inject(Slow(12 * MB), path="model.safetensors")
    rig.service.start(ADMIN, "m")
    rig.wait("m", lambda one: one.progress.bytes_done > 6 * MB)
    with pytest.raises(UnknownFile):
        rig.service.restart_file(ADMIN, "m", "nothing")
    slow.remove()
    hub.forget_requests()
    rig.service.restart_file(ADMIN, "m", "model.safetensors")
    assert rig.end_of("m").verified
    sent = sum(one.bytes_sent for one in hub.find("model.safetensors", port="cdn"))
    assert sent >= 24 * MB
    events = rig.service.timeline("m")
    assert any(one.kind == "restart_file" and "on request" in one.message for one in events)


def test_a_whole_file_that_is_restarted_is_hashed_and_mended(rig: Rig, hub: Hub) -> None:
    small_repo(hub)
    rig.shelf.add("m", "org/small")
    assert rig.service.file_names("m") == ()
    rig.download("m")
    assert "model.safetensors" in rig.service.file_names("m")
    blob = next(rig.cache.glob("models--*/snapshots/*/model.safetensors")).resolve()
    good = blob.read_bytes()
    blob.write_bytes(good[:-1] + b"?")
    rig.service.restart_file(ADMIN, "m", "model.safetensors")
    assert rig.end_of("m").verified
    assert blob.read_bytes() == good
