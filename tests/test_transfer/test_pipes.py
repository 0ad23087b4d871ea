"""Bytes that go from the socket to the file past our memory are the same bytes."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standins.hub import Corrupt, Hub, Pattern, Reset, Source, Stall, Truncate
from tests.test_transfer.support import (
    REPO,
    Control,
    Running,
    assert_cache_is_right,
    plan_of,
    transfer_of,
    wait_until,
)
from yipyap_core.transfer import connection, present
from yipyap_core.transfer.options import MIB
from yipyap_core.transfer.pipes import Pipe

LARGE = "model.safetensors"
FILES: dict[str, Source] = {LARGE: Pattern(24 * MIB), "config.json": b"{}"}
FULL = Path("/dev/full")


@pytest.fixture
def poured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every line counts as rich; how much each pipe put into files."""
    monkeypatch.setattr(connection, "MOST_FILL_BYTES", connection.LEAST_FILL_BYTES)
    monkeypatch.setattr(connection, "RICH_BYTES", 1)
    counts: list[int] = []
    pour = Pipe.pour

    def count(pipe: Pipe, descriptor: int, offset: int, size: int) -> None:
        counts.append(size)
        pour(pipe, descriptor, offset, size)

    monkeypatch.setattr(Pipe, "pour", count)
    return counts


def test_a_file_arrives_by_the_pipe(
    hub: Hub, cache_dir: Path, control: Control, poured: list[int]
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)
    assert control.fetched == plan.total_bytes
    assert sum(poured) > 12 * MIB


@pytest.mark.parametrize("fault", [Reset(5 * MIB), Truncate(7 * MIB), Corrupt(3 * MIB)])
def test_a_fault_on_the_way_through_the_pipe_ends_in_the_right_file(
    hub: Hub, cache_dir: Path, control: Control, poured: list[int], fault: Reset
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(fault, path=LARGE, count=1)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)
    assert control.present == plan.total_bytes
    assert poured


def test_a_silent_line_is_left_at_once_and_what_arrived_by_the_pipe_is_kept(
    hub: Hub, cache_dir: Path, control: Control, poured: list[int]
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(Stall(6 * MIB), path=LARGE)
    transfer = transfer_of(hub.endpoint, cache_dir, stall_seconds=60.0)
    running = Running(transfer, plan, control)
    wait_until(lambda: control.fetched >= 5 * MIB)

    assert running.cancel() < 0.5
    assert present(plan, cache_dir).partial_bytes + 2 == control.present
    assert poured


def test_a_silent_line_is_given_up_through_the_pipe_too(
    hub: Hub, cache_dir: Path, control: Control, poured: list[int]
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(Stall(6 * MIB), path=LARGE, count=1)

    transfer_of(hub.endpoint, cache_dir, stall_seconds=0.6).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)
    assert poured


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


@given(st.binary(min_size=1, max_size=200_000), st.integers(0, 100_000))
def test_what_was_taken_lies_where_it_belongs(data: bytes, offset: int) -> None:
    pipe, done = Pipe(), 0
    descriptor = os.memfd_create("file")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        while done < len(data):
            sent = ours.send(data[done : done + 50_000])
            while sent:
                count = pipe.fill(theirs, sent)
                assert count
                pipe.pour(descriptor, offset + done, count)
                done, sent = done + count, sent - count
    assert os.pread(descriptor, len(data) + 1, offset) == data
    os.close(descriptor)
    pipe.close()


def test_the_end_of_the_line_is_nothing_taken(pipe: Pipe) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        assert pipe.fill(theirs, 100) == 0
    assert pipe.is_usable


def test_a_volume_that_knows_no_such_call_gets_its_bytes_by_hand(
    pipe: Pipe, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    ours, theirs = socket.socketpair()
    # A file that is only appended to refuses the call, as some volumes do.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with ours, theirs:
        ours.sendall(b"some bytes")
        assert pipe.fill(theirs, 100) == 10
        pipe.pour(descriptor, 0, 10)
    os.close(descriptor)
    assert path.read_bytes() == b"some bytes"
    assert not pipe.is_usable


def test_a_source_that_knows_no_such_call_is_left_alone(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EINVAL, "no")

    monkeypatch.setattr(os, "splice", refuse)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert pipe.fill(theirs, 100) is None
    assert not pipe.is_usable


def test_a_full_disk_is_told_and_the_pipe_begins_anew(pipe: Pipe, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, FULL.open("wb", buffering=0) as full:
        ours.sendall(b"lost")
        assert pipe.fill(theirs, 100) == 4
        with pytest.raises(OSError, match=r"space|seek"):
            pipe.pour(full.fileno(), 0, 4)
        ours.sendall(b"next")
        assert pipe.fill(theirs, 100) == 4
    path = tmp_path / "file"
    with path.open("wb", buffering=0) as file:
        pipe.pour(file.fileno(), 0, 4)
    assert path.read_bytes() == b"next"
