"""Compares contents of the cache with the publisher's hashes."""

from __future__ import annotations

import os
from pathlib import Path

from yipyap_core.domain.downloads import DownloadPlan, RemoteFile
from yipyap_core.domain.jobs import Phase
from yipyap_core.errors import ConnectionLost
from yipyap_core.jobs.work import JobContext
from yipyap_core.services.downloads.control import VerifiedRecord
from yipyap_core.transfer.disk import cache_errors
from yipyap_core.transfer.hashing import READ_BYTES, hash_now
from yipyap_core.transfer.layout import Layout


def damaged_files(
    context: JobContext, plan: DownloadPlan, record: VerifiedRecord, cache_dir: Path
) -> list[RemoteFile]:
    """Hash every file that is not known to be right; returns those that are wrong.

    The right ones are remembered. Stops within one block when the job is to stop.
    """
    unknown = {file.etag: file for file in plan.files if not record.is_known(file)}
    if not unknown:
        return []
    context.phase(Phase.VERIFYING)
    layout = Layout(cache_dir, plan.repo, plan.commit)
    for file in unknown.values():
        context.meter.hashing(file.path, file.size_bytes)
    damaged = []
    for file in unknown.values():
        context.meter.file_started(file.path)
        if _hash_of(context, layout, file) == file.etag:
            record.add(file.path)
        else:
            damaged.append(file)
        context.meter.hashing(file.path, 0)
    return damaged


def remove_damaged(plan: DownloadPlan, file: RemoteFile, cache_dir: Path) -> None:
    """Take a wrong content out of the cache, and the names of the plan that lead to it."""
    layout = Layout(cache_dir, plan.repo, plan.commit)
    with cache_errors(layout.blobs, file.path):
        for name in (one for one in plan.files if one.etag == file.etag):
            layout.pointer(name).unlink(missing_ok=True)
        layout.blob(file).unlink(missing_ok=True)


def _hash_of(context: JobContext, layout: Layout, file: RemoteFile) -> str:
    left_bytes = file.size_bytes + READ_BYTES

    def look() -> None:
        nonlocal left_bytes
        context.token.raise_if_cancelled()
        left_bytes = max(0, left_bytes - READ_BYTES)
        context.meter.hashing(file.path, left_bytes)

    path = layout.pointer(file)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ConnectionLost(f"{file.path} was removed from the cache meanwhile.") from error
    try:
        with cache_errors(layout.blobs, file.path):
            return hash_now(descriptor, file, look)
    finally:
        os.close(descriptor)
