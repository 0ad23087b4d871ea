"""What a run has to do: one work a blob, whatever its names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from yipyap_core.domain.downloads import RemoteFile
from yipyap_core.transfer.options import SMALL_FILE_BYTES


@dataclass(frozen=True, slots=True)
class Work:
    """One blob and every name of the plan that leads to it."""

    file: RemoteFile
    names: tuple[RemoteFile, ...]
    is_begun: bool = False
    """An earlier run has left some of it."""

    def is_last(self, name: RemoteFile) -> bool:
        """Whether no further name comes after it."""
        return name is self.names[-1]

    @property
    def is_large(self) -> bool:
        """Whether it is worth several connections; few of such are fetched at a time."""
        return self.file.size_bytes > SMALL_FILE_BYTES

    @property
    def has_record(self) -> bool:
        """Whether it is fetched in parts, with a record of what is there."""
        return self.is_large or self.is_begun


def works_of(files: Iterable[RemoteFile]) -> list[Work]:
    """Gather names by blob, in the order in which they first appear."""
    names: dict[str, list[RemoteFile]] = {}
    for file in files:
        names.setdefault(file.etag, []).append(file)
    return [Work(group[0], tuple(group)) for group in names.values()]
