"""Puts contents that were fetched beside the cache into it, over whatever lies there.

Nothing is removed first: one rename replaces a content, another its name, so that who reads the
cache meanwhile finds the old or the new, and a failure in between loses neither.
"""

from __future__ import annotations

from collections.abc import Callable

from yipyap_core.domain.downloads import RemoteFile
from yipyap_core.transfer.disk import move, size_of
from yipyap_core.transfer.hashing import hash_file
from yipyap_core.transfer.layout import Layout
from yipyap_core.transfer.linking import relink
from yipyap_core.transfer.locks import Patience, acquire
from yipyap_core.transfer.works import Work


def is_right(path: str, file: RemoteFile, check: Callable[[], None]) -> bool:
    """Whether a content is there and has the publisher's hash; one that cannot be read has not.

    `check` raises to give up.
    """
    if size_of(path) != file.size_bytes:
        return False
    try:
        return hash_file(path, file, check) == file.etag
    except OSError:
        return False


def put_in_place(layout: Layout, staged: Layout, work: Work, patience: Patience) -> None:
    """Move a checked content from `staged` into `layout`, if it is there, and name it.

    Raises `LockUnavailable`, `OSError` and `UnsafePath`.
    """
    file = work.file
    for folder in (layout.locks, layout.blobs):
        folder.mkdir(parents=True, exist_ok=True)
    lock = acquire(layout.lock_text(file), file.path, patience)
    try:
        if content := staged.content_text(work.names):
            move(content, layout.blob_text(file))
        for name in work.names:
            relink(layout, name, is_last=work.is_last(name))
    finally:
        if lock is not None:
            lock.release()
