"""What a file of the hub is made of: bytes in memory, a file on disk, a pattern, or a hole.

A content knows its size and hashes and can be read at any offset, so that one file of sixty
gigabytes costs the tests neither memory nor disk.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import random
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

PATTERN_BLOCK_BYTES = 64 * 1024
READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sparse:
    """A file of `size_bytes` zeros that takes no disk.

    `sha256` may be declared, right or wrong, where hashing the zeros would take minutes.
    """

    size_bytes: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A file of pseudo-random bytes that `size_bytes` and `seed` determine.

    Each block of 64 KiB begins with its own number, so bytes put at a wrong offset show. The
    file begins with `head`, which counts in its size.
    """

    size_bytes: int
    seed: int = 0
    head: bytes = b""


Source: TypeAlias = bytes | Path | Sparse | Pattern
"""What a test may declare as a file's content."""


class Content:
    """The bytes of one file, readable at any offset from any thread."""

    def __init__(self, size_bytes: int, *, sha256: str | None = None) -> None:
        """Keep the size; a declared `sha256` is believed."""
        self.size_bytes = size_bytes
        self._declared_sha256 = sha256

    @property
    def descriptor(self) -> int | None:
        """An open file to send from, or None when the bytes are in memory."""
        return None

    def read(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`."""
        raise NotImplementedError

    @functools.cached_property
    def sha256(self) -> str:
        """The sha256 of the whole content, or the declared one."""
        return self._declared_sha256 or self._hash(hashlib.sha256())

    @functools.cached_property
    def git_sha1(self) -> str:
        """The blob id git would give the content."""
        return self._hash(hashlib.sha1(b"blob %d\0" % self.size_bytes, usedforsecurity=False))

    def _hash(self, digest: hashlib._Hash) -> str:
        for offset in range(0, self.size_bytes, READ_BYTES):
            digest.update(self.read(offset, min(READ_BYTES, self.size_bytes - offset)))
        return digest.hexdigest()

    def close(self) -> None:
        """Give back what is open."""


class MemoryContent(Content):
    """Bytes held in memory, for small files."""

    def __init__(self, data: bytes) -> None:
        """Keep `data` as it is."""
        super().__init__(len(data))
        self._data = data

    def read(self, offset: int, count: int) -> bytes:
        """A slice of the bytes."""
        return self._data[offset : offset + count]


class DiskContent(Content):
    """A file on disk, held open."""

    def __init__(self, descriptor: int, *, sha256: str | None = None) -> None:
        """Take over an open file, which may have no name any more."""
        super().__init__(os.fstat(descriptor).st_size, sha256=sha256)
        self._descriptor = descriptor

    @property
    def descriptor(self) -> int | None:
        """The open file."""
        return self._descriptor

    def read(self, offset: int, count: int) -> bytes:
        """A read at an offset that moves nothing shared."""
        return os.pread(self._descriptor, count, offset)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class ChangedContent(Content):
    """Another file of the same size: every byte of `original` inverted."""

    def __init__(self, original: Content) -> None:
        """Wrap `original` without reading it."""
        super().__init__(original.size_bytes)
        self._original = original

    def read(self, offset: int, count: int) -> bytes:
        """The inverted bytes."""
        return self._original.read(offset, count).translate(_INVERTED)


class ShortContent(Content):
    """The same file without its last `missing_bytes`."""

    def __init__(self, original: Content, missing_bytes: int) -> None:
        """Wrap `original` without reading it."""
        super().__init__(max(0, original.size_bytes - missing_bytes))
        self._original = original

    @property
    def descriptor(self) -> int | None:
        """The original's open file."""
        return self._original.descriptor

    def read(self, offset: int, count: int) -> bytes:
        """The original's bytes, as far as they go."""
        return self._original.read(offset, max(0, min(count, self.size_bytes - offset)))


class ContentStore:
    """Makes contents out of declarations, each pattern once, and closes them all."""

    def __init__(self, folder: Path | None) -> None:
        """Put what has to be on disk into `folder`, without names, so that nothing outlives us."""
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[Source, Content] = {}
        self._made: list[Content] = []

    def content(self, source: Source) -> Content:
        """The content of a declaration; equal declarations but paths share one."""
        with self._lock:
            if source not in self._known or isinstance(source, Path):
                self._known[source] = self._make(source)
                _hash_now(self._known[source], source)
                self._made.append(self._known[source])
            return self._known[source]

    def _make(self, source: Source) -> Content:
        match source:
            case bytes():
                return MemoryContent(source)
            case Path():
                return DiskContent(os.open(source, os.O_RDONLY | os.O_CLOEXEC))
            case Sparse():
                return DiskContent(self._generated(source), sha256=source.sha256)
            case Pattern():
                return DiskContent(self._generated(source))

    def _generated(self, source: Sparse | Pattern) -> int:
        with tempfile.TemporaryFile(prefix="hub-", dir=self._folder) as file:
            if isinstance(source, Pattern):
                _write(file, source)
            file.truncate(source.size_bytes)
            file.flush()
            return os.dup(file.fileno())

    def close(self) -> None:
        """Close every content that was made."""
        with self._lock:
            for content in self._made:
                content.close()
            self._made.clear()
            self._known.clear()


def _hash_now(content: Content, source: Source) -> None:
    """Hash at declaration what would else delay the first answer; holes wait until asked."""
    if not isinstance(source, Sparse):
        _ = content.sha256


def pattern_bytes(pattern: Pattern) -> bytes:
    """The bytes of `pattern`, for small ones."""
    file = io.BytesIO()
    _write(file, pattern)
    return file.getvalue()[: pattern.size_bytes]


def write_pattern(path: Path, pattern: Pattern) -> None:
    """Write the bytes of `pattern` to `path`."""
    with path.open("wb") as file:
        _write(file, pattern)
        file.truncate(pattern.size_bytes)


def _write(file: BinaryIO, pattern: Pattern) -> None:
    block = random.Random(pattern.seed).randbytes(PATTERN_BLOCK_BYTES - 8)
    file.write(pattern.head)
    for number in range(-(-pattern.size_bytes // PATTERN_BLOCK_BYTES)):
        file.write(number.to_bytes(8, "big"))
        file.write(block)


_INVERTED = bytes(255 - value for value in range(256))
