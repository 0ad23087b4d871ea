"""Runs the hub's own client in a child process for one file, reads its progress, and ends it.

The child takes the blob's lock itself, so the caller must not hold it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from yipyap_core.domain.downloads import RemoteFile
from yipyap_core.errors import ConnectionLost, Stalled, TransferError
from yipyap_core.transfer.addresses import Origin
from yipyap_core.transfer.context import Context
from yipyap_core.transfer.disk import translated
from yipyap_core.transfer.gate import Gate, open_gate
from yipyap_core.transfer.locks import try_lock
from yipyap_core.transfer.stopping import Stopper

MODULE = "yipyap_core.transfer.xet_child"
PATIENCE_FACTOR = 4
"""Its progress comes in large steps, and it tries again by itself: silence counts as a stall only
after several times as long."""
END_SECONDS = 2.0
BEGINS_ANEW = "Retry: this file begins anew, the others are kept."
PLAIN_LIMIT_BYTES = 50_000_000_000
"""Above this the hub's storage may refuse to give a file over plain HTTP."""


def may_help(file: RemoteFile) -> bool:
    """Whether the hub's own client may get a file that plain HTTP is refused."""
    return file.xet_hash is not None or file.size_bytes > PLAIN_LIMIT_BYTES


def fetch_by_child(context: Context, stopper: Stopper, file: RemoteFile) -> None:
    """Return when the child has put the blob into the cache; raises a `TransferError`.

    Nothing unfinished of it is kept: the client cannot go on with what it left.
    """
    _sweep(context, file)
    before = _unfinished(context, file)
    counted = 0
    try:
        for total in _progress(context, stopper, file):
            more, counted = max(0, total - counted), max(counted, total)
            context.control.add_fleeting_bytes(more)
            context.control.add_bytes(more)
    except BaseException:
        if counted:
            context.control.restart_file(file.path, counted, "the hub's client keeps nothing")
        for path in _unfinished(context, file) - before:
            path.unlink(missing_ok=True)
        raise
    finally:
        context.control.add_fleeting_bytes(-counted)
    context.control.add_bytes(file.size_bytes - counted)


def _sweep(context: Context, file: RemoteFile) -> None:
    """Delete what a killed client left; whoever still writes such a file holds the lock."""
    with contextlib.suppress(OSError):
        if held := try_lock(context.layout.lock_text(file)):
            try:
                for path in _unfinished(context, file):
                    path.unlink(missing_ok=True)
            finally:
                held.release()


def _progress(context: Context, stopper: Stopper, file: RemoteFile) -> Iterator[int]:
    """Total bytes as the child reports them, until it is done."""
    ours, theirs = socket.socketpair()
    with ours, theirs, stopper.watching(ours):
        # A socket in place of a pipe: a stop shuts it, as it does with every connection.
        least = context.options.client_patience_seconds
        ours.settimeout(max(least, PATIENCE_FACTOR * context.options.stall_seconds))
        with (
            open_gate(context.options, context.trust, context.limit, stopper) as gate,
            _child(_order(context, file, gate), theirs, context.options.ca_file) as process,
        ):
            theirs.close()
            last: dict[str, Any] = {}
            for last in _events(ours, file):
                if "protocol" in last:
                    context.book.helped(Origin.of(context.options.endpoint), last["protocol"])
                if "bytes" in last:
                    yield min(int(last["bytes"]), file.size_bytes)
            stopper.check()
            if process.wait() != 0 or not last.get("done"):
                raise _error(context, file, last, gate.failure)


def _events(ours: socket.socket, file: RemoteFile) -> Iterator[dict[str, Any]]:
    reader = ours.makefile("r", encoding="utf-8")
    assert isinstance(reader, io.TextIOBase)
    try:
        for line in reader:
            with contextlib.suppress(ValueError):
                yield json.loads(line)
    except TimeoutError:
        said = f"The hub's own client made no progress with {file.path}."
        raise Stalled(said, hint=BEGINS_ANEW) from None


@contextlib.contextmanager
def _child(
    order: dict[str, Any], output: socket.socket, ca_file: Path | None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", MODULE],
        stdin=subprocess.PIPE,
        stdout=output.fileno(),
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, **({"SSL_CERT_FILE": str(ca_file)} if ca_file else {})},
    )
    assert process.stdin is not None
    try:
        with contextlib.suppress(BrokenPipeError):  # left open: it ends when we are gone
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
        yield process
    finally:
        _end(process)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _order(context: Context, file: RemoteFile, gate: Gate) -> dict[str, Any]:
    plan = context.plan
    return {
        "repo_id": plan.repo.repo_id,
        "repo_type": plan.repo.repo_type.value,
        "revision": plan.commit,
        "filename": file.path,
        "cache_dir": str(context.options.cache_dir),
        "endpoint": context.options.endpoint,
        "token": context.token() or False,
        "xet": file.xet_hash is not None,
        "patience_seconds": context.options.stall_seconds,
        "proxy": gate.url,
    }


def _error(
    context: Context, file: RemoteFile, last: dict[str, Any], refusal: TransferError | None
) -> TransferError:
    """Why the child failed, by its last words; `refusal` is what its gate had to say."""
    number = last.get("errno")
    if isinstance(number, int):
        failure = OSError(number, os.strerror(number))
        return translated(failure, context.layout.blobs, file.path, file.size_bytes)
    if refusal is not None:
        return refusal
    name = str(last.get("error", "it ended without a word"))[:80]
    status = f", status {last['status']}" if "status" in last else ""
    said = f"The hub's own client could not fetch {file.path}: {name}{status}."
    return ConnectionLost(said, hint=BEGINS_ANEW)


def _unfinished(context: Context, file: RemoteFile) -> set[Path]:
    return set(context.layout.blobs.glob(f"{file.etag}.*.incomplete"))
