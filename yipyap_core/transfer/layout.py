"""Where things lie in the Hugging Face cache, and the steps that put them there.

::

    <cache>/CACHEDIR.TAG
    <cache>/.locks/models--org--name/<etag>.lock     the hub client's own locks
    <cache>/models--org--name/blobs/<etag>           a finished file
    <cache>/models--org--name/blobs/<etag>.part      an unfinished one, and <etag>.part.json
    <cache>/models--org--name/snapshots/<commit>/<path> -> ../../blobs/<etag>
    <cache>/models--org--name/trees/<commit>.json    the listing of the whole commit
    <cache>/models--org--name/refs/<revision>        the commit, written last

Every name that comes from the network is checked before it becomes a path. What is done for each
of ten thousand files works on text: a path object costs as much as a system call.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yipyap_core.domain.downloads import RemoteFile
from yipyap_core.domain.models import RepoRef
from yipyap_core.errors import UnsafePath
from yipyap_core.transfer.disk import is_plain_file, link_target, size_of

COMMIT = re.compile(r"[0-9a-f]{40}")
ETAG = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
RECORD_SUFFIX = ".part.json"
TAG_NAME = "CACHEDIR.TAG"
TAG_TEXT = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file marks a folder of downloads that can be fetched again; see\n"
    "# https://bford.info/cachedir/\n"
)


@dataclass(frozen=True)
class Layout:
    """The paths of one repository at one commit."""

    cache_dir: Path
    repo: RepoRef
    commit: str
    _safe_folders: set[str] = field(default_factory=set, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a commit that is none; raises `UnsafePath`."""
        if not COMMIT.fullmatch(self.commit):
            raise UnsafePath(f"The hub named the commit {self.commit[:60]!r}, which is none.")

    @property
    def folder(self) -> Path:
        """The repository's folder."""
        return self.cache_dir / self.repo.folder_name

    @property
    def blobs(self) -> Path:
        """Folder of the files' contents."""
        return self.folder / "blobs"

    @property
    def snapshot(self) -> Path:
        """Folder of the commit's names."""
        return self.folder / "snapshots" / self.commit

    @property
    def tree(self) -> Path:
        """The stored listing of the commit."""
        return self.folder / "trees" / f"{self.commit}.json"

    @property
    def ref(self) -> Path | None:
        """Where the revision's commit is noted; None for a revision that is the commit."""
        if self.repo.revision == self.commit:
            return None
        return self.folder / "refs" / self.repo.revision

    @property
    def locks(self) -> Path:
        """Folder of the locks that the hub client takes too."""
        return self.cache_dir / ".locks" / self.repo.folder_name

    @functools.cached_property
    def _texts(self) -> tuple[str, str, str]:
        return f"{self.blobs}/", f"{self.snapshot}/", f"{self.locks}/"

    def blob_text(self, file: RemoteFile) -> str:
        """Where the file's content belongs; raises `UnsafePath` for a hash that is none."""
        if not ETAG.fullmatch(file.etag):
            raise UnsafePath(f"The hub gave {file.path[:100]!r} a hash that is none.")
        return self._texts[0] + file.etag

    def part_text(self, file: RemoteFile) -> str:
        """Where the content lies until it is whole and checked."""
        return f"{self.blob_text(file)}.part"

    def record_text(self, file: RemoteFile) -> str:
        """Where it is kept what is known of the part."""
        return self.blob_text(file) + RECORD_SUFFIX

    def pointer_text(self, file: RemoteFile) -> str:
        """The file's name in the snapshot."""
        return self._texts[1] + file.path

    def lock_text(self, file: RemoteFile) -> str:
        """The lock that whoever writes this blob holds."""
        self.blob_text(file)
        return f"{self._texts[2]}{file.etag}.lock"

    def blob(self, file: RemoteFile) -> Path:
        """`blob_text` as a path."""
        return Path(self.blob_text(file))

    def part(self, file: RemoteFile) -> Path:
        """`part_text` as a path."""
        return Path(self.part_text(file))

    def record(self, file: RemoteFile) -> Path:
        """`record_text` as a path."""
        return Path(self.record_text(file))

    def pointer(self, file: RemoteFile) -> Path:
        """`pointer_text` as a path."""
        return Path(self.pointer_text(file))

    def prepare(self) -> None:
        """Make the folders, and the tag that keeps backups out."""
        for folder in (self.blobs, self.snapshot, self.tree.parent, self.locks):
            folder.mkdir(parents=True, exist_ok=True)
        tag = self.cache_dir / TAG_NAME
        if not tag.exists():
            tag.write_text(TAG_TEXT, encoding="ascii")

    def make_pointer_folder(self, file: RemoteFile) -> None:
        """Make the folder of the file's name; raises `UnsafePath` if a link leads out of it."""
        folder = self.pointer_text(file).rpartition("/")[0]
        if folder not in self._safe_folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            if not Path(folder).resolve().is_relative_to(self.snapshot.resolve()):
                raise UnsafePath(f"A link in the cache leads {file.path[:100]!r} out of it.")
            self._safe_folders.add(folder)

    def is_linked(self, file: RemoteFile) -> bool:
        """Whether the name leads to a content of the right size, and to no other file's blob."""
        name = self.pointer_text(file)
        return size_of(name) == file.size_bytes and not self._is_misled(name, file)

    def _is_misled(self, name: str, file: RemoteFile) -> bool:
        target, own = link_target(name), self.blob_target(file)
        if target is None or target == own:
            return False
        folder, _, blob = target.rpartition("/")
        return folder == own.rpartition("/")[0] and ETAG.fullmatch(blob) is not None

    def has_blob(self, file: RemoteFile) -> bool:
        """Whether the content is there with the right size, whoever put it there."""
        return size_of(self.blob_text(file)) == file.size_bytes

    def has_content(self, names: Sequence[RemoteFile]) -> bool:
        """Whether the content that all the names have is there, as the blob or under each name."""
        return self.has_blob(names[0]) or all(map(self.is_linked, names))

    def content_text(self, names: Sequence[RemoteFile]) -> str | None:
        """Where the content that all the names have lies itself; None where it is not there.

        That is the blob, or without symbolic links the name that has taken it over.
        """
        texts = [self.blob_text(names[0]), *(self.pointer_text(name) for name in names)]
        return next((text for text in texts if is_plain_file(text)), None)

    def blob_target(self, file: RemoteFile) -> str:
        """What the link in the snapshot holds: the blob, relative to the link's folder."""
        depth = file.path.count("/") + 2
        return "../" * depth + f"blobs/{file.etag}"
