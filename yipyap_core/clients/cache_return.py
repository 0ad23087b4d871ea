"""Brings what lies in the trash back into the cache, without replacing anything there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from yipyap_core.clients import cache_shared
from yipyap_core.clients.cache_layout import SHARED_DIR

RETURN_ORDER = {"blobs": 0, "snapshots": 1, "trees": 2, "refs": 3}
"""Blobs before the names that lead to them, these before the listing that wants them; refs last."""


class TrashReturn:
    """Brings the content of an entry back, blobs before snapshots before refs."""

    def __init__(self, cache_dir: Path, content: Path, others: Sequence[Path]) -> None:
        """Move from `content` to the same places below `cache_dir`.

        A shared payload may have gone with a later deletion: it is looked for in `others` too.
        """
        self.cache_dir = cache_dir
        self.content = content
        self.others = others
        self.files = 0
        self.superseded: list[str] = []
        self.lost: list[str] = []

    def run(self) -> None:
        """Bring shared payloads back first, then repository by repository."""
        for source in files_below(self.content / SHARED_DIR):
            payload = source.relative_to(self.content).as_posix()
            if cache_shared.is_payload(payload):
                self.files += cache_shared.put_back(self.cache_dir, payload, source)
        for folder in children(self.content):
            if folder.name != SHARED_DIR:
                self._repository(folder)

    def _repository(self, source: Path) -> None:
        home = self.cache_dir / source.name
        if os.path.lexists(home):
            for part in sorted(children(source), key=lambda path: RETURN_ORDER.get(path.name, 1)):
                self._bring(part)
            return
        for blob in children(source / "blobs"):
            if not self._is_ready(blob, f"{source.name}/blobs/{blob.name}"):
                blob.unlink()
        self.files += sum(1 for _ in files_below(source))
        source.rename(home)

    def _bring(self, source: Path) -> None:
        """Move a path home; folders that exist there are filled, files are left alone."""
        relative = source.relative_to(self.content).as_posix()
        home = self.cache_dir / relative
        if source.is_dir() and not source.is_symlink():
            self._bring_folder(source, home)
        elif os.path.lexists(home):
            self.superseded.append(relative)
        elif self._is_ready(source, relative):
            source.rename(home)
            self.files += 1

    def _bring_folder(self, source: Path, home: Path) -> None:
        if source.name == "blobs" or os.path.lexists(home):
            home.mkdir(exist_ok=True)
            for child in children(source):
                self._bring(child)
            return
        self.files += sum(1 for _ in files_below(source))
        source.rename(home)

    def _is_ready(self, source: Path, home: str) -> bool:
        """Announce a blob that links into the shared store; whether its payload is there."""
        payload = cache_shared.payload_of(self.cache_dir, source, home)
        if payload is None:
            return True
        if not (self.cache_dir / payload).exists() and not self._borrow(payload):
            self.lost.append(home)
            return False
        cache_shared.note_reference(self.cache_dir, payload, home)
        return True

    def _borrow(self, payload: str) -> bool:
        found = next((one / payload for one in self.others if (one / payload).exists()), None)
        return found is not None and cache_shared.put_back(self.cache_dir, payload, found)


def children(folder: Path) -> list[Path]:
    """Entries of a folder, sorted; none for one that cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def files_below(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is no folder itself; links are not followed."""
    for path in children(folder):
        if path.is_dir() and not path.is_symlink():
            yield from files_below(path)
        else:
            yield path
