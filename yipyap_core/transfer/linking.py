"""Gives a finished blob its name in the snapshot: a relative link, or the file itself.

A volume without symbolic links holds each content once, too, as long as it has one name: there the
last name takes the content over, as with the hub's own client, and names before it are copies.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path

from yipyap_core.domain.downloads import RemoteFile
from yipyap_core.transfer.disk import link_target, make_link, move, remove
from yipyap_core.transfer.layout import Layout

NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EACCES})


def link(layout: Layout, file: RemoteFile, *, is_last: bool) -> None:
    """Make the name lead to the blob, unless it leads to the right content already.

    `is_last` says that no further name of the plan needs the blob. Raises `OSError` and
    `UnsafePath`.
    """
    layout.make_pointer_folder(file)
    try:
        make_link(layout.blob_target(file), layout.pointer_text(file))
    except FileExistsError:
        _replace(layout, file, is_last=is_last)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if not layout.is_linked(file):
            _put(layout, file, is_last=is_last)


def relink(layout: Layout, file: RemoteFile, *, is_last: bool) -> None:
    """Make the name lead to the blob whatever it leads to now, in one step; else as `link`."""
    layout.make_pointer_folder(file)
    name, own = layout.pointer_text(file), layout.blob_target(file)
    if link_target(name) == own:
        return
    unfinished = f"{layout.blob_text(file)}.link.part"
    try:
        remove(unfinished)
        make_link(own, unfinished)
        move(unfinished, name)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _put(layout, file, is_last=is_last)


def _replace(layout: Layout, file: RemoteFile, *, is_last: bool) -> None:
    """Point a name anew that leads elsewhere, or to a content that is not whole."""
    pointer = layout.pointer(file)
    if pointer.is_symlink():
        if pointer.readlink() == Path(layout.blob_target(file)):
            return
    elif layout.is_linked(file):
        return
    pointer.unlink()
    link(layout, file, is_last=is_last)


def _put(layout: Layout, file: RemoteFile, *, is_last: bool) -> None:
    """Let the name be the content; it comes into place at once."""
    if is_last:
        move(layout.blob_text(file), layout.pointer_text(file))
    else:
        _copy(layout, file)


def _copy(layout: Layout, file: RemoteFile) -> None:
    """What cannot be finished goes: on a full volume it would take the room that is waited for."""
    unfinished = layout.blob(file).with_suffix(".copy.part")
    try:
        with layout.blob(file).open("rb") as source, unfinished.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        unfinished.replace(layout.pointer(file))
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
