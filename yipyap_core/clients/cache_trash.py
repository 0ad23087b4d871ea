"""The trash of the cache: moved aside on the same volume, brought back, or freed.

It lies in `<cache>/.locks/.yipyap-trash`: the hub's client looks at no such folder, it is always
on the cache's own volume, and every step is one rename. `entry.json` of an entry is written before
the first move, so that whatever happens in between can be told, finished or undone.

The order of moves keeps the cache sound at each moment: out of it refs first, then snapshots, then
blobs; into it the other way round.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from yipyap_core.clients import cache_locks, cache_shared
from yipyap_core.clients.cache_detail import linked_blobs
from yipyap_core.clients.cache_faults import translated
from yipyap_core.clients.cache_layout import LOCKS_DIR, SHARED_DIR
from yipyap_core.clients.cache_return import TrashReturn, children, files_below
from yipyap_core.clients.trash_notes import begin_purge, content_of, read_note, write_note
from yipyap_core.domain.trash import Restored, TrashEntry, TrashState

TRASH_DIR = f"{LOCKS_DIR}/.yipyap-trash"


class CacheTrash:
    """The trash of one cache folder; every method reads the disk at the time of the call."""

    def __init__(self, cache_dir: Path) -> None:
        """Name the cache; nothing is made before something goes into the trash."""
        self._cache_dir = cache_dir
        self._root = cache_dir / TRASH_DIR
        self._here = threading.Lock()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other deletions, undos and purges out, also those of other processes.

        On a volume without locks only those of this process can be kept out.
        """
        if not self._cache_dir.is_dir():
            yield  # there is nothing to protect, and no folder to make
            return
        with translated(self._cache_dir):
            self._root.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._root / ".lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o664)
        try:
            with nullcontext() if cache_locks.wait_for(fd) else self._here:
                yield
        finally:
            os.close(fd)

    def entries(self) -> tuple[TrashEntry, ...]:
        """List what can be brought back, the latest first; damaged entries are left out."""
        found = (self._entry(path.name) for path in children(self._root) if path.is_dir())
        kept = [entry for entry in found if entry is not None]
        return tuple(sorted(kept, key=lambda entry: (entry.created_at, entry.id), reverse=True))

    def get(self, trash_id: str) -> TrashEntry | None:
        """Read one entry; None when there is none of this id."""
        known = {path.name for path in children(self._root)}
        return self._entry(trash_id) if trash_id in known else None

    def of_plan(self, plan_id: str) -> TrashEntry | None:
        """The entry that an earlier execution of a plan has begun; None when there is none."""
        return next((entry for entry in self.entries() if entry.plan_id == plan_id), None)

    def left(self, entry: TrashEntry, folder: str, moves: Sequence[str]) -> list[str]:
        """Those of the paths that do not lie in the entry yet: what came anew is not taken."""
        place = self._content(entry) / folder
        return [move for move in moves if not os.path.lexists(place / move)]

    def open_entry(self, entry: TrashEntry) -> None:
        """Write an entry down before anything is moved into it; one may be opened again."""
        with translated(self._cache_dir):
            self._content(entry).mkdir(parents=True, exist_ok=True)
            self._note(replace(entry, state=TrashState.FILLING))

    def move_in(self, entry: TrashEntry, folder: str, moves: Sequence[str]) -> list[str]:
        """Move paths of one repository into an entry, those that are still there.

        A call that was cut short can be made again.
        Returns the blobs that had to come back, because another program linked to them meanwhile.
        """
        content, left = self._content(entry), self.left(entry, folder, moves)
        with translated(self._cache_dir):
            if folder == SHARED_DIR:
                for payload in (f"{folder}/{move}" for move in left):
                    cache_shared.take_unreferenced(self._cache_dir, payload, content / payload)
                return []
            for move in left:
                self._move(folder, move, content)
            self._take_payloads(entry, folder)
            return self._heal(entry, folder, moves)

    def close_entry(self, entry: TrashEntry) -> TrashEntry | None:
        """Measure an entry and keep it; one that stayed empty is removed, which gives None."""
        with translated(self._cache_dir):
            if not children(self._content(entry)):
                shutil.rmtree(self._root / entry.id)
                return None
            kept = replace(entry, state=TrashState.KEPT, bytes=self._measure(entry))
            self._note(kept)
            return kept

    def restore(self, entry: TrashEntry) -> Restored:
        """Bring everything back; what exists anew in the cache is left as it is."""
        with translated(self._cache_dir):
            self._note(replace(entry, state=TrashState.RESTORING))
            others = [one for one in self.entries() if one.id != entry.id]
            places = [self._content(one) for one in others]
            returning = TrashReturn(self._cache_dir, self._content(entry), places)
            returning.run()
            shutil.rmtree(self._root / entry.id)
            self._measure_anew(others)
        return Restored(entry, returning.files, tuple(returning.superseded), tuple(returning.lost))

    def purge(self, entry: TrashEntry) -> int:
        """Free an entry for good; returns what the volume gained.

        It needs no room: a volume may be full to the last byte.
        """
        with translated(self._cache_dir):
            size = self._measure(entry)
            begin_purge(self._root / entry.id)
            shutil.rmtree(self._root / entry.id)
        return size

    def _note(self, entry: TrashEntry) -> None:
        write_note(self._root / entry.id, entry)

    def _entry(self, trash_id: str) -> TrashEntry | None:
        return read_note(self._root / trash_id)

    def _content(self, entry: TrashEntry) -> Path:
        return content_of(self._root / entry.id)

    def _move(self, folder: str, move: str, content: Path) -> None:
        source = self._cache_dir / folder / move if move else self._cache_dir / folder
        target = content / folder / move if move else content / folder
        if not os.path.lexists(source):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)

    def _take_payloads(self, entry: TrashEntry, folder: str) -> None:
        """Take along the shared payloads that only what went had linked to."""
        content = self._content(entry)
        for blob in children(content / folder / "blobs"):
            home = f"{folder}/blobs/{blob.name}"
            payload = cache_shared.payload_of(self._cache_dir, blob, home)
            if payload and (self._cache_dir / payload).exists():
                cache_shared.take_unreferenced(self._cache_dir, payload, content / payload)

    def _heal(self, entry: TrashEntry, folder: str, moves: Sequence[str]) -> list[str]:
        """Put blobs back that a snapshot in the cache links to after all."""
        root = self._cache_dir / folder
        if not any(move.startswith("blobs/") for move in moves):
            return []
        came_back = []
        taken = self._content(entry) / folder / "blobs"
        for name in linked_blobs(root):
            home = root / "blobs" / name
            if not os.path.lexists(home) and os.path.lexists(taken / name):
                (taken / name).rename(home)
                came_back.append(name)
        return came_back

    def _measure_anew(self, entries: Sequence[TrashEntry]) -> None:
        """Correct the figure of entries that a shared payload was taken from."""
        for entry in entries:
            if (self._content(entry) / SHARED_DIR).exists():
                self._note(replace(entry, bytes=self._measure(entry)))

    def _measure(self, entry: TrashEntry) -> int:
        """Add up what frees bytes: blobs, partial files and files that lie in snapshots."""
        names: dict[tuple[int, int], int] = {}
        statuses = {}
        for path in files_below(self._content(entry)):
            if not path.is_symlink() and _has_content(path.relative_to(self._content(entry))):
                status = path.stat()
                inode = (status.st_dev, status.st_ino)
                names[inode] = names.get(inode, 0) + 1
                statuses[inode] = status
        return sum(
            status.st_size for inode, status in statuses.items() if names[inode] >= status.st_nlink
        )


def _has_content(relative: Path) -> bool:
    """Whether a path of the trash holds bytes of a model, not notes such as refs and trees."""
    parts = relative.parts
    if parts[0] == SHARED_DIR:
        return cache_shared.is_payload(relative.as_posix())
    return len(parts) > 2 and parts[1] in {"blobs", "snapshots"} and not _is_note(parts[-1])


def _is_note(name: str) -> bool:
    return name.endswith(".part.json")
