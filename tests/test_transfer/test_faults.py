"""Every fault, over real sockets: the file ends right, or the run ends in a clear error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.standins.hub import (
    CaptivePortal,
    Changed,
    Corrupt,
    Dribble,
    ExpiredSignature,
    ExtraBytes,
    Fault,
    Hang,
    Hub,
    IgnoreRange,
    Latency,
    Pattern,
    Redirect,
    Reset,
    ResetBeforeAnswer,
    ShiftedBody,
    ShortBody,
    Slow,
    Source,
    Stage,
    Stall,
    Status,
    TooManyRequests,
    Truncate,
    Unsatisfiable,
    WrongContentLength,
    WrongContentRange,
    WrongLinkedSize,
)
from tests.test_transfer.support import (
    REPO,
    Control,
    assert_cache_is_right,
    assert_nothing_unfinished,
    blob_of,
    plan_of,
    transfer_of,
)
from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.errors import (
    ConnectionLost,
    FileNotInRepository,
    GatedRepository,
    HashMismatch,
    HubAnswerInvalid,
    HubBusy,
    HubUnreachable,
    RepositoryNotFound,
    RevisionNotFound,
    Stalled,
    TokenRejected,
    TransferError,
)

LARGE = "model.safetensors"
LARGE_BYTES = 12_000_000
SMALL = "config.json"
FILES: dict[str, Source] = {
    LARGE: Pattern(LARGE_BYTES),
    SMALL: b'{"small": true}' * 100,
    "other.bin": Pattern(70_000, 2),
}

PASSING: dict[str, tuple[Fault, dict[str, Any]]] = {
    "truncated in the first byte": (Truncate(1), {"count": 1}),
    "truncated inside a read": (Truncate(3_333_333), {"count": 1}),
    "truncated before the last byte of a range": (Truncate(8 * 1024 * 1024 - 1), {"count": 1}),
    "truncated again and again": (Truncate(1_000_003), {"count": 11}),
    "reset": (Reset(2_500_000), {"count": 1}),
    "reset again and again": (Reset(700_001), {"count": 12}),
    "reset before the answer": (ResetBeforeAnswer(), {"count": 2}),
    "stalled": (Stall(1_500_000), {"count": 1}),
    "hung": (Hang(), {"count": 1}),
    "late": (Latency(0.3), {"count": 1}),
    "slow at first": (Slow(20_000_000), {"count": 1}),
    "one byte at a time": (Dribble(0.4, after_bytes=200_000), {"count": 1}),
    "a wrong byte": (Corrupt(5_000_000), {"count": 2}),
    "a wrong last byte": (Corrupt(-1), {"count": 2}),
    "ranges ignored": (IgnoreRange(), {}),
    "no range satisfied": (Unsatisfiable(), {}),
    "another range than asked for": (WrongContentRange(1000), {"count": 1}),
    "bytes of another place": (ShiftedBody(4096), {"count": 2}),
    "a length too large": (WrongContentLength(10), {"count": 1}),
    "a length too small": (WrongContentLength(-10), {"count": 1}),
    "bytes after the end": (ExtraBytes(1000), {"count": 1}),
    "a short body once": (ShortBody(100), {"count": 1}),
    "a wrong linked size": (WrongLinkedSize(5), {}),
    "an expired signature": (ExpiredSignature(), {"count": 2}),
    **{f"status {code}": (Status(code), {"count": 2}) for code in (408, 429, 500, 502, 503, 504)},
}


@pytest.mark.parametrize("name", PASSING)
@pytest.mark.parametrize("path", [LARGE, SMALL])
def test_a_passing_fault_ends_in_the_right_file(
    hub: Hub, cache_dir: Path, control: Control, name: str, path: str
) -> None:
    fault, options = PASSING[name]
    if path == SMALL and fault.stage is Stage.CDN:
        path = "other.bin"  # small, but of the storage
    if path != LARGE and isinstance(fault, Corrupt):
        options = {"count": 1}  # a large file comes in two ranges
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(fault, path=path, **options)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)
    assert control.present == plan.total_bytes
    assert set(control.done.values()) == {True}


LASTING: dict[str, tuple[Fault, type[TransferError], str]] = {
    "never a byte": (Truncate(0), ConnectionLost, "connection_lost"),
    "always reset": (Reset(0), ConnectionLost, "connection_lost"),
    "always hung": (Hang(), Stalled, "stalled"),
    "always corrupt": (Corrupt(100), HashMismatch, "hash_mismatch"),
    "another file": (Changed(), HashMismatch, "hash_mismatch"),
    "always short": (ShortBody(100), HubAnswerInvalid, "hub_answer_invalid"),
    "portal": (CaptivePortal(), HubAnswerInvalid, "hub_answer_invalid"),
    "signature": (ExpiredSignature(), HubBusy, "hub_busy"),
    "unavailable": (Status(503), HubBusy, "hub_busy"),
    "unauthorized": (Status(401), TokenRejected, "token_rejected"),
    "forbidden": (Status(403), TokenRejected, "token_rejected"),
    "gated": (Status(403, "GatedRepo"), GatedRepository, "gated_repository"),
    "no file": (Status(404, "EntryNotFound"), FileNotInRepository, "file_not_found"),
    "no repository": (Status(401, "RepoNotFound"), RepositoryNotFound, "repository_not_found"),
    "no revision": (Status(404, "RevisionNotFound"), RevisionNotFound, "revision_not_found"),
    "teapot": (Status(418), HubAnswerInvalid, "hub_answer_invalid"),
    "circle": (Redirect("{path}"), HubAnswerInvalid, "hub_answer_invalid"),
    "nonsense": (Redirect("gopher://[::"), HubAnswerInvalid, "hub_answer_invalid"),
}


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_fault_ends_in_an_error_that_says_what_to_do(
    hub: Hub, cache_dir: Path, control: Control, name: str
) -> None:
    fault, kind, code = LASTING[name]
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    injected = hub.inject(fault, path=LARGE)
    patience: dict[str, Any] = {"answer_timeout_seconds": 0.3, "attempts": 3}
    transfer = transfer_of(hub.endpoint, cache_dir, **(patience if fault == Hang() else {}))

    with pytest.raises(kind) as caught:
        transfer.run(plan, control=control)

    assert caught.value.code == code
    assert LARGE in caught.value.message or fault == Redirect("gopher://[::")
    assert caught.value.hint
    assert hub.endpoint.removeprefix("http://") not in caught.value.hint

    injected.remove()
    again = Control()
    transfer_of(hub.endpoint, cache_dir).run(plan, control=again)
    assert_cache_is_right(cache_dir, plan)


@pytest.mark.parametrize("fault", [Corrupt(100), Status(404, "EntryNotFound")])
def test_one_bad_file_does_not_keep_the_others_from_arriving(
    hub: Hub, cache_dir: Path, control: Control, fault: Fault
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(fault, path=SMALL)

    with pytest.raises((HashMismatch, FileNotInRepository)):
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert set(control.done) == {LARGE, "other.bin"}
    assert control.noted("file_failed")
    assert not (cache_dir / plan.repo.folder_name / "refs" / "main").exists()
    assert_nothing_unfinished(cache_dir)


def test_a_wrong_byte_is_found_and_the_file_fetched_once_more(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(Corrupt(10), path="other.bin", count=1)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert [(path, lost) for path, lost, _ in control.restarts] == [("other.bin", 0)]
    assert len(hub.find("other.bin", port="cdn")) == 2


def test_a_cut_line_goes_on_at_the_byte_where_it_was_cut(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(Truncate(3_333_333), path=LARGE, count=1)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    starts = [record.range_start for record in hub.find(LARGE, port="cdn")]
    assert 3_333_333 in starts
    assert control.fetched == plan.total_bytes
    assert control.restarts == []
    assert control.noted("retry")


def test_an_expired_signature_is_asked_for_anew_without_losing_a_byte(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(Truncate(2_000_000), path=LARGE, count=1)
    control.when_noted = lambda _: hub.expire_signatures()

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert control.fetched == plan.total_bytes
    assert len(hub.find(LARGE, port="api")) >= 2
    assert_cache_is_right(cache_dir, plan)


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured(
    hub: Hub, cache_dir: Path, control: Control, as_date: bool
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {SMALL: b"x"}))
    hub.inject(TooManyRequests(2 if as_date else 1, as_date=as_date), path=SMALL, count=1)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    first, second = hub.find(SMALL)
    assert first.ended is not None
    assert second.started - first.ended >= 0.95


def test_a_hub_that_asks_for_more_patience_than_ours_ends_the_run(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {SMALL: b"x"}))
    hub.inject(TooManyRequests(3600), path=SMALL)

    with pytest.raises(HubBusy) as caught:
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert caught.value.retry_after_seconds == 3600
    assert len(hub.find(SMALL)) == 1


def test_a_hub_that_is_away_ends_in_hub_unreachable(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.stop()

    with pytest.raises(HubUnreachable) as caught:
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert "refused" in caught.value.message


def test_a_hub_that_comes_back_is_found_again(hub: Hub, cache_dir: Path, control: Control) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.stop()
    control.when_noted = lambda kind: (
        hub.start() if kind == "retry" and not control.fetched else None
    )
    transfer = transfer_of(
        hub.endpoint, cache_dir, backoff_seconds=0.1, small_lanes=1, large_lanes=1
    )

    transfer.run(plan_of_one(plan), control=control)

    assert blob_of(cache_dir, plan, LARGE).stat().st_size == LARGE_BYTES


def plan_of_one(plan: DownloadPlan) -> DownloadPlan:
    return replace(plan, files=tuple(file for file in plan.files if file.path == LARGE))


def test_a_server_that_ignores_ranges_and_breaks_at_one_place_is_given_up(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {LARGE: Pattern(LARGE_BYTES)}))
    hub.inject(IgnoreRange(), Truncate(5_000_000), path=LARGE)

    with pytest.raises(ConnectionLost):
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert len(hub.find(LARGE, port="cdn")) <= 8


def test_a_page_of_html_in_the_repository_is_a_file_like_any_other(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {"index.html": b"<html></html>"}))

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)


def test_what_had_arrived_is_kept_when_a_fault_ends_the_run(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(Truncate(5_000_000), path=LARGE, count=1)
    lasting = hub.inject(ResetBeforeAnswer(), path=LARGE, skip=2)
    transfer = transfer_of(hub.endpoint, cache_dir)
    with pytest.raises(ConnectionLost):
        transfer.run(plan, control=control)
    lasting.remove()
    hub.forget_requests()

    again = Control()
    transfer.run(plan, control=again)

    assert again.kept >= 5_000_000
    assert hub.find(LARGE, port="cdn")[0].range_start == 5_000_000
    assert_cache_is_right(cache_dir, plan)
