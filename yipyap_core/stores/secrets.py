"""The one secret of an installation: made once, kept in a file that only the server reads.

Every key of the product is derived from it under a label, so that a key that leaks says nothing
of the others.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

SECRET_BYTES = 32
FILE_NAME = "secret.key"


def load_secret(state_dir: Path) -> bytes:
    """Read the secret, making it at the first call; safe when two processes start at once."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state_dir / FILE_NAME
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    if len(secret) < SECRET_BYTES:
        raise ValueError(f"{FILE_NAME} in the state folder is damaged; remove it to sign all out.")
    return secret


def derive_key(secret: bytes, label: str) -> bytes:
    """Make the key of one purpose: 32 bytes, the same for the same label."""
    return hmac.digest(secret, f"yipyap {label}".encode(), hashlib.sha256)


def _make(path: Path) -> None:
    """Write a new secret beside `path` and link it there, unless another process was faster."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
