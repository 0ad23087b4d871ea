"""What is known of a partial file, on disk beside it: which of its bytes may be believed.

Two claims are kept. `written` bytes have been handed to the kernel: they outlive the death of
this process, even by kill -9, as long as the machine runs on, which the boot's id tells. `synced`
bytes were made durable before they were claimed: they outlive a loss of power as well. The record
is one small block, replaced by a single write, with a checksum against a torn one. It holds no
address and no credential.
"""

from __future__ import annotations

import functools
import json
import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yipyap_core.transfer.spans import Spans

BLOCK_BYTES = 4096
FORMAT = 1
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Record:
    """The claims on one partial file."""

    etag: str
    size_bytes: int
    written: Spans = field(default_factory=Spans)
    synced: Spans = field(default_factory=Spans)
    validator: str | None = None
    """The server's ETag of the bytes so far, for If-Range."""

    def encode(self, boot: str | None) -> bytes:
        """The block as it lies on disk."""
        claims = {
            "etag": self.etag,
            "size": self.size_bytes,
            "boot": boot,
            "written": list(self.written),
            "synced": list(self.synced),
            "validator": self.validator,
        }
        text = json.dumps(claims, separators=(",", ":"))
        block = f'{{"format":{FORMAT},"crc":{zlib.crc32(text.encode())},"claims":{text}}}\n'
        return block.encode().ljust(BLOCK_BYTES)


@functools.cache
def boot_id() -> str | None:
    """What names the machine's present uptime; None where the system does not say."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return None


def read_record(path: Path, etag: str, size_bytes: int, boot: str | None) -> Record | None:
    """The record if it is whole, of this content, and claims anything that makes sense."""
    try:
        return _decode(path.read_bytes(), etag, size_bytes, boot)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _decode(block: bytes, etag: str, size_bytes: int, boot: str | None) -> Record | None:
    whole = json.loads(block)
    claims = whole["claims"]
    text = json.dumps(claims, separators=(",", ":"))
    if whole["format"] != FORMAT or whole["crc"] != zlib.crc32(text.encode()):
        return None
    if claims["etag"] != etag or claims["size"] != size_bytes:
        return None
    synced = _spans(claims["synced"])
    same_boot = boot is not None and claims["boot"] == boot
    written = _spans(claims["written"]) if same_boot else synced
    if not (written.fits(size_bytes) and synced.fits(size_bytes)):
        return None
    return Record(etag, size_bytes, written, synced, claims["validator"])


def _spans(pairs: Any) -> Spans:
    return Spans.of((int(start), int(end)) for start, end in pairs)


def write_record(descriptor: int, record: Record, boot: str | None) -> None:
    """Replace the block in place; what follows an earlier, longer one is cut off."""
    block = record.encode(boot)
    os.pwrite(descriptor, block, 0)
    if len(block) != BLOCK_BYTES or os.fstat(descriptor).st_size != len(block):
        os.ftruncate(descriptor, len(block))
