"""Which blobs of the cache had the publisher's hash, and how they looked at that moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from yipyap_core.domain.verified import BlobStamp
from yipyap_core.stores.schema import verified_blobs
from yipyap_core.stores.upserts import upsert

BATCH = 500


class VerifiedStore:
    """Remembers hashed blobs by name, folder, size and time of change."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use the tables of `engine`, which must exist."""
        self._engine = engine

    def remember(self, stamps: Iterable[BlobStamp], now: dt.datetime) -> None:
        """Note blobs whose content has just been hashed and was right."""
        rows = [_row(stamp, now) for stamp in stamps]
        with self._engine.begin() as connection:
            for start in range(0, len(rows), BATCH):
                connection.execute(upsert(connection, verified_blobs), rows[start : start + BATCH])

    def of_folder(self, repo_folder: str) -> frozenset[BlobStamp]:
        """All remembered blobs of one repository's folder."""
        query = sa.select(verified_blobs).where(verified_blobs.c.repo_folder == repo_folder)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return frozenset(
            BlobStamp(row.repo_folder, row.etag, row.size_bytes, row.mtime_ns) for row in rows
        )

    def forget(self, repo_folder: str, etag: str) -> None:
        """Drop what was known of one blob, such as after it was found damaged."""
        blob = (verified_blobs.c.etag == etag) & (verified_blobs.c.repo_folder == repo_folder)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(verified_blobs).where(blob))


def _row(stamp: BlobStamp, now: dt.datetime) -> dict[str, Any]:
    return {
        "etag": stamp.etag,
        "repo_folder": stamp.repo_folder,
        "size_bytes": stamp.size_bytes,
        "mtime_ns": stamp.mtime_ns,
        "verified_at": now,
    }
