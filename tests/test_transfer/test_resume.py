"""Pausing and going on: what had arrived is not fetched again, and is never believed blindly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.standins.hub import Changed, Hub, IgnoreRange, Pattern, Slow, Source, Sparse, Truncate
from tests.test_transfer.support import (
    REPO,
    Cancelled,
    Control,
    Running,
    assert_cache_is_right,
    assert_nothing_unfinished,
    blob_of,
    plan_of,
    transfer_of,
    wait_until,
)
from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.errors import HashMismatch
from yipyap_core.transfer import discard_partials, present
from yipyap_core.transfer.layout import Layout
from yipyap_core.transfer.options import MIB
from yipyap_core.transfer.partial import Partial
from yipyap_core.transfer.record import read_record

LARGE = "model.safetensors"
LARGE_BYTES = 24 * MIB
FILES: dict[str, Source] = {LARGE: Pattern(LARGE_BYTES, 3), "config.json": b"{}"}


@pytest.fixture
def plan(hub: Hub) -> DownloadPlan:
    return plan_of(hub, hub.add_repo(REPO, FILES))


def pause_at(hub: Hub, cache_dir: Path, plan: DownloadPlan, size_bytes: int) -> Control:
    """Run until so many bytes are there, then cancel, as a pause does."""
    control = Control()
    slow = hub.inject(Slow(40_000_000), path=LARGE)

    def look(fetched: int) -> None:
        if fetched >= size_bytes:
            control.cancel()

    control.when_bytes = look
    with pytest.raises(Cancelled):
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)
    slow.remove()
    hub.forget_requests()
    return control


def test_a_paused_file_goes_on_where_it_stopped(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    paused = pause_at(hub, cache_dir, plan, 9 * MIB)
    presence = present(plan, cache_dir)

    again = Control()
    transfer_of(hub.endpoint, cache_dir).run(plan, control=again)

    assert presence.kept_bytes + presence.partial_bytes == paused.present
    assert again.kept == paused.present
    assert again.fetched == plan.total_bytes - paused.present
    first = hub.find(LARGE, port="cdn")[0]
    assert first.range_start == presence.partials[LARGE]
    assert first.if_range
    assert_cache_is_right(cache_dir, plan)


def test_the_record_names_no_address_and_no_credential(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    pause_at(hub, cache_dir, plan, 5 * MIB)

    text = blob_of(cache_dir, plan, LARGE).with_suffix(".part.json").read_text()

    assert set(json.loads(text)["claims"]) == {
        *("etag", "size", "boot", "written", "synced", "validator")
    }
    assert "http" not in text


def test_a_file_that_changed_upstream_starts_again_and_says_so(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    pause_at(hub, cache_dir, plan, 9 * MIB)
    hub.inject(Changed(), path=LARGE, count=1)

    again = Control()
    transfer_of(hub.endpoint, cache_dir).run(plan, control=again)

    assert "changed on the server" in again.restarts[0][2]
    assert again.present == plan.total_bytes
    assert_cache_is_right(cache_dir, plan)


def test_a_server_that_ignores_ranges_makes_the_file_start_again_and_says_so(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    paused = pause_at(hub, cache_dir, plan, 9 * MIB)
    hub.inject(IgnoreRange(), path=LARGE)

    again = Control()
    transfer_of(hub.endpoint, cache_dir).run(plan, control=again)

    lost = paused.present - present(plan, cache_dir).kept_bytes + plan.total_bytes
    assert [(path, "as a whole" in reason) for path, _, reason in again.restarts] == [(LARGE, True)]
    assert 9 * MIB <= again.lost <= lost
    assert_cache_is_right(cache_dir, plan)


def test_a_prefix_that_rotted_meanwhile_is_found_by_the_hash(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    pause_at(hub, cache_dir, plan, 9 * MIB)
    part = blob_of(cache_dir, plan, LARGE).with_suffix(".part")
    with part.open("r+b") as file:
        file.seek(1000)
        file.write(b"rotten")

    again = Control()
    transfer_of(hub.endpoint, cache_dir).run(plan, control=again)

    assert "hash" in again.restarts[0][2]
    assert_cache_is_right(cache_dir, plan)


@pytest.mark.parametrize("damage", ["torn", "gone", "empty", "foreign", "shorter part"])
def test_a_record_that_cannot_be_believed_costs_bytes_but_never_the_file(
    hub: Hub, cache_dir: Path, plan: DownloadPlan, damage: str
) -> None:
    pause_at(hub, cache_dir, plan, 9 * MIB)
    part = blob_of(cache_dir, plan, LARGE).with_suffix(".part")
    record = part.with_suffix(".part.json")
    match damage:
        case "torn":
            record.write_bytes(record.read_bytes()[:60])
        case "gone":
            record.unlink()
        case "empty":
            record.write_bytes(b"")
        case "foreign":
            record.write_bytes(record.read_bytes().replace(b'"size":', b'"seize":'))
        case "shorter part":
            with part.open("r+b") as file:
                file.truncate(4 * MIB)

    again = Control()
    transfer_of(hub.endpoint, cache_dir).run(plan, control=again)

    assert again.kept <= 4 * MIB + 2
    assert_cache_is_right(cache_dir, plan)


def test_after_a_reboot_only_what_was_made_durable_is_believed(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    pause_at(hub, cache_dir, plan, 9 * MIB)
    layout = Layout(cache_dir, plan.repo, plan.commit)
    file = next(file for file in plan.files if file.path == LARGE)

    partial = Partial(layout, file)
    before = partial.extent.total
    unsynced = read_record(layout.record(file), file.etag, file.size_bytes, "another boot")
    partial.sync()
    partial.close()
    synced = read_record(layout.record(file), file.etag, file.size_bytes, "another boot")

    assert unsynced is not None
    assert unsynced.written.total == 0
    assert synced is not None
    assert synced.written.total == before


def test_a_stale_part_of_the_same_content_is_taken_over(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    blobs = blob_of(cache_dir, plan, LARGE).parent
    blobs.mkdir(parents=True)
    for file in plan.files:
        (blobs / f"{file.etag}.part").write_bytes(b"left by nobody knows whom" * 1000)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=Control())

    assert_cache_is_right(cache_dir, plan)


def test_unfinished_files_of_other_programs_are_left_alone(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    blob = blob_of(cache_dir, plan, LARGE)
    foreign = blob.with_suffix(".1a2b3c4d.incomplete")
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"theirs")

    transfer_of(hub.endpoint, cache_dir).run(plan, control=Control())

    assert foreign.read_bytes() == b"theirs"
    assert_cache_is_right(cache_dir, plan)


def test_a_blob_of_the_wrong_size_does_not_count_as_there(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    blob = blob_of(cache_dir, plan, LARGE)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"cut short by a loss of power")

    transfer_of(hub.endpoint, cache_dir).run(plan, control=Control())

    assert_cache_is_right(cache_dir, plan)


def test_a_cancelled_download_that_keeps_nothing_leaves_nothing(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    paused = pause_at(hub, cache_dir, plan, 5 * MIB)

    freed = discard_partials(plan, cache_dir)

    assert freed == paused.present - present(plan, cache_dir).kept_bytes
    assert_nothing_unfinished(cache_dir)


def test_a_file_of_sixty_gigabytes_is_addressed_right_at_its_end(hub: Hub, cache_dir: Path) -> None:
    size, tail = 60_000_000_000, 6_000_000
    plan = plan_of(hub, hub.add_repo(REPO, {"huge.bin": Sparse(size, sha256="ab" * 32)}))
    layout = Layout(cache_dir, plan.repo, plan.commit)
    layout.prepare()
    partial = Partial(layout, plan.files[0])
    partial.path.open("r+b").truncate(size - tail)
    partial.note(0, size - tail)
    partial.close()

    control = Control()
    running = Running(transfer_of(hub.endpoint, cache_dir), plan, control)
    wait_until(lambda: control.present == size)
    seconds = running.cancel()  # in the middle of a minute of hashing

    assert seconds < 0.5
    assert control.fetched == tail
    request = hub.find("huge.bin", port="cdn")[0]
    assert (request.range_start, request.range_end) == (size - tail, size - 1)
    assert present(plan, cache_dir).partial_bytes == size


def test_a_second_wrong_hash_leaves_nothing_behind(
    hub: Hub, cache_dir: Path, plan: DownloadPlan
) -> None:
    hub.inject(Truncate(3 * MIB), path=LARGE, count=1)
    hub.inject(Changed(), path=LARGE)

    with pytest.raises(HashMismatch) as caught:
        transfer_of(hub.endpoint, cache_dir).run(plan, control=Control())

    assert LARGE in caught.value.message
    assert_nothing_unfinished(cache_dir)
