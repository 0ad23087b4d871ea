"""The cache-wide store of shared blobs that the hub's client keeps for Xet files.

A repository's blob may be a link to `<cache>/blobs/<2 hex>/<hash>`; `<hash>.refs` beside it lists
the blobs that do. The list is a hint: a line counts only while its blob really links there, and a
payload without a readable list is never removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from yipyap_core.clients import cache_locks
from yipyap_core.clients.cache_layout import SHARED_DIR, XET_HASH, split_folder

LOCK_MODE = 0o666
"""Of the hub's client: other users of a shared cache take the same lock."""


def is_payload(path: str) -> bool:
    """Whether a path relative to the cache names a payload of the store."""
    parts = PurePosixPath(path).parts
    return (
        len(parts) == 3
        and parts[0] == SHARED_DIR
        and bool(XET_HASH.match(parts[2]))
        and parts[1] == parts[2][:2]
    )


def references(cache_dir: Path, payload: str) -> frozenset[str] | None:
    """Blobs that link to a payload, relative to the cache; None when that is not known."""
    if not is_payload(payload):
        return None
    try:
        lines = (cache_dir / f"{payload}.refs").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return frozenset(line for line in lines if _links_to(cache_dir, line, payload))


def unreferenced(cache_dir: Path) -> dict[str, int]:
    """Payloads whose list names no blob that still links to them, with their sizes."""
    found = {}
    store = cache_dir / SHARED_DIR
    for path in sorted(store.glob("[0-9a-f][0-9a-f]/*")):
        payload = path.relative_to(cache_dir).as_posix()
        if is_payload(payload) and path.is_file() and references(cache_dir, payload) == frozenset():
            found[payload] = path.stat().st_size
    return found


@contextmanager
def locked(cache_dir: Path, payload: str) -> Iterator[None]:
    """Hold the payload's lock, which the hub's client takes to publish, link and collect.

    On a volume without locks nobody has one.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(cache_dir / f"{payload}.lock", flags, LOCK_MODE)
    try:
        cache_locks.wait_for(fd)
        yield
    finally:
        os.close(fd)


def take_unreferenced(cache_dir: Path, payload: str, target: Path) -> bool:
    """Move a payload and its list to `target` when nothing links to it; whether it did."""
    with locked(cache_dir, payload):
        if references(cache_dir, payload) != frozenset():
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        listed = cache_dir / f"{payload}.refs"
        listed.rename(target.with_name(listed.name))
        (cache_dir / payload).rename(target)
    return True


def put_back(cache_dir: Path, payload: str, source: Path) -> bool:
    """Bring a payload back unless the store has it anew; whether it did."""
    home = cache_dir / payload
    home.parent.mkdir(parents=True, exist_ok=True)
    with locked(cache_dir, payload):
        if home.exists():
            return False
        source.rename(home)
    return True


def note_reference(cache_dir: Path, payload: str, blob: str) -> None:
    """Add a blob to the payload's list, before its link becomes visible."""
    with locked(cache_dir, payload):
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(cache_dir / f"{payload}.refs", flags, LOCK_MODE)
        try:
            os.write(fd, f"{blob}\n".encode())
            os.fsync(fd)
        finally:
            os.close(fd)


def payload_of(cache_dir: Path, link: Path, home: str) -> str | None:
    """Payload that a blob's link would name if it lay at `home`; None for another target."""
    try:
        target = link.readlink()
    except OSError:
        return None
    place = os.path.normpath(f"{PurePosixPath(home).parent}/{target}")
    if target.is_absolute():
        place = os.path.relpath(target, cache_dir)
    return place if is_payload(place) else None


def _links_to(cache_dir: Path, blob: str, payload: str) -> bool:
    parts = PurePosixPath(blob).parts
    if len(parts) != 3 or parts[1] != "blobs" or not split_folder(parts[0]) or ".." in parts:
        return False
    return payload_of(cache_dir, cache_dir / blob, blob) == payload
