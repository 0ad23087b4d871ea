"""The record of a partial file: what is written is read back, and nothing else is believed."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from yipyap_core.transfer.record import Record, read_record, write_record
from yipyap_core.transfer.spans import Spans

ETAG = "ab" * 32
SIZE = 10_000
spans = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=8).map(Spans.of)
validators = st.none() | st.text(min_size=1, max_size=40)


def store(path: Path, record: Record, boot: str | None) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        write_record(descriptor, record, boot)
    finally:
        os.close(descriptor)


@given(spans, spans, validators)
def test_a_record_is_read_back_as_it_was_written(
    tmp_path: Path, written: Spans, synced: Spans, validator: str | None
) -> None:
    record = Record(ETAG, SIZE, written, synced, validator)
    store(tmp_path / "record", record, "boot")

    assert read_record(tmp_path / "record", ETAG, SIZE, "boot") == record


@given(spans, spans)
def test_after_another_boot_only_durable_bytes_are_believed(
    tmp_path: Path, written: Spans, synced: Spans
) -> None:
    store(tmp_path / "record", Record(ETAG, SIZE, written, synced), "boot")

    for boot in ("another", None):
        found = read_record(tmp_path / "record", ETAG, SIZE, boot)
        assert found is not None
        assert found.written == synced


@given(spans, st.integers(0, 4095), st.binary(min_size=1, max_size=20))
def test_a_damaged_record_is_believed_only_if_it_says_the_same(
    tmp_path: Path, written: Spans, offset: int, damage: bytes
) -> None:
    path = tmp_path / "record"
    record = Record(ETAG, SIZE, written, written)
    store(path, record, "boot")
    whole = path.read_bytes()
    path.write_bytes(whole[:offset] + damage + whole[offset + len(damage) :])

    assert read_record(path, ETAG, SIZE, "boot") in (None, record)


@given(spans, st.integers(0, 4095))
def test_a_torn_record_is_believed_only_if_it_says_the_same(
    tmp_path: Path, written: Spans, length: int
) -> None:
    path = tmp_path / "record"
    record = Record(ETAG, SIZE, written, written)
    store(path, record, "boot")
    path.write_bytes(path.read_bytes()[:length])

    assert read_record(path, ETAG, SIZE, "boot") in (None, record)


def test_a_record_of_another_content_or_size_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "record"
    store(path, Record(ETAG, SIZE, Spans.of([(0, 9_000)])), "boot")

    assert read_record(path, "cd" * 32, SIZE, "boot") is None
    assert read_record(path, ETAG, SIZE - 1, "boot") is None
    assert read_record(tmp_path / "none", ETAG, SIZE, "boot") is None


def test_a_shorter_record_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    path = tmp_path / "record"
    many = Spans.of((number * 10, number * 10 + 5) for number in range(900))
    store(path, Record(ETAG, SIZE, many), "boot")
    store(path, Record(ETAG, SIZE), "boot")

    found = read_record(path, ETAG, SIZE, "boot")
    assert found is not None
    assert found.written.total == 0
