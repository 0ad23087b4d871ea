"""Brings one blob into the cache: lock, look again, fetch, check the hash, commit, link."""

from __future__ import annotations

import contextlib
import functools
import threading
from dataclasses import dataclass, field, replace

from yipyap_core.domain.downloads import RemoteFile
from yipyap_core.errors import HashMismatch, TransferError
from yipyap_core.transfer.child import fetch_by_child, may_help
from yipyap_core.transfer.context import Context, Lane
from yipyap_core.transfer.disk import (
    inodes_in,
    move,
    remove,
    translated,
    unfinished_bytes,
    write_whole,
)
from yipyap_core.transfer.hashing import hash_file, hash_of
from yipyap_core.transfer.layout import RECORD_SUFFIX
from yipyap_core.transfer.linking import link
from yipyap_core.transfer.locks import Patience, acquire
from yipyap_core.transfer.options import SMALL_FILE_BYTES
from yipyap_core.transfer.partial import Partial, discard, kept_spans
from yipyap_core.transfer.refusals import PlainRefused, StorageRefused
from yipyap_core.transfer.small_fetch import fetch_small
from yipyap_core.transfer.wide_fetch import WideFetch
from yipyap_core.transfer.works import Work

WRONG_HASH = "its hash was wrong"


@dataclass(slots=True)
class Counted:
    """How many bytes of each blob the control was told of, so that nothing is counted twice."""

    _bytes: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, etag: str) -> int:
        """How many were told of."""
        with self._lock:
            return self._bytes.get(etag, 0)

    def settle(self, etag: str, present_bytes: int) -> int:
        """Take note of what is there; returns the difference to what was told before."""
        with self._lock:
            before = self._bytes.get(etag, 0)
            self._bytes[etag] = present_bytes
        return present_bytes - before


class FileTransfer:
    """The steps for each blob of a run; used by all of its threads."""

    def __init__(self, context: Context, counted: Counted) -> None:
        """Keep what the steps need."""
        self._context = context
        self._counted = counted
        self._waited_for: set[str] = set()

    def take_up(self, work: Work) -> Work:
        """Tell the control what an earlier run left of the blob; the work, with that noted."""
        if work.file.etag + RECORD_SUFFIX not in self._leftovers:
            return work
        kept = kept_spans(self._context.layout, work.file)[0].total
        self._settle(work.file, kept)
        return replace(work, is_begun=kept > 0)

    def take_present(self, work: Work) -> bool:
        """Name the blob if it is there already; says whether it was."""
        layout = self._context.layout
        if self._began_empty:  # what others bring meanwhile is seen under the blob's lock
            return False
        if not layout.has_content(work.names):
            return False
        self._sweep(work.file)
        self._settle(work.file, work.file.size_bytes)
        try:
            self._name(work, verified=False)
        except OSError as error:
            raise translated(error, layout.snapshot, work.file.path, 0) from error
        return True

    def bring(self, lane: Lane, work: Work) -> None:
        """Have the blob in the cache under all its names when this returns.

        Raises a `TransferError` or the job's own exception; what arrived is kept.
        """
        context, file = self._context, work.file
        lane.stopper.check()
        context.control.file_started(file.path)
        try:
            try:
                self._bring(lane, work)
            except (PlainRefused, StorageRefused) as error:
                if not may_help(file):
                    raise
                self._bring_by_child(lane, work, error)
        except OSError as error:
            raise translated(error, context.layout.blobs, file.path, file.size_bytes) from error

    def _bring(self, lane: Lane, work: Work) -> None:
        file, layout = work.file, self._context.layout
        lock = lane.ahead.take_lock() if lane.ahead else None
        if lock is None:
            lock = acquire(layout.lock_text(file), file.path, self._patience(lane, work))
        try:
            there = layout.has_content(work.names)
            if there:
                self._sweep(file)
                self._settle(file, file.size_bytes)
            else:
                self._download(lane, work)
            self._name(work, verified=not there)
        finally:
            if lock is not None:
                lock.release()

    def _bring_by_child(self, lane: Lane, work: Work, refusal: TransferError) -> None:
        """Have the hub's own client fetch what plain HTTP is refused; its bytes are hashed too."""
        context, file = self._context, work.file
        context.control.note("other_way", f"{refusal.message} The hub's own client fetches it.")
        self._forget(file)
        with context.phases.transferring():
            fetch_by_child(context, lane.stopper, file)
        self._counted.settle(file.etag, file.size_bytes)
        blob = context.layout.blob_text(file)
        content = context.layout.content_text(work.names) or blob
        with context.phases.verifying():
            right = hash_file(content, file, lane.stopper.check) == file.etag
        if not right:
            context.control.restart_file(file.path, file.size_bytes, WRONG_HASH)
            remove(content)
            raise HashMismatch(f"{file.path} arrived with another hash than the publisher's.")
        if content != blob:  # without links the client has let one name be the content
            move(content, blob)
        self._name(work, verified=True)

    def _forget(self, file: RemoteFile) -> None:
        """The child cannot go on with what we have of the file."""
        discard(self._context.layout, file)
        self._settle(file, 0)

    def _sweep(self, file: RemoteFile) -> None:
        """Delete what a killed run, or another program, has left of a blob that is whole."""
        layout = self._context.layout
        left = not self._leftovers.isdisjoint({f"{file.etag}.part", file.etag + RECORD_SUFFIX})
        if left or file.etag in self._waited_for:
            with contextlib.suppress(OSError):  # a read-only cache may keep them
                discard(layout, file)

    @functools.cached_property
    def _began_empty(self) -> bool:
        folders = (self._context.layout.blobs, self._context.layout.snapshot)
        try:
            return not any(True for folder in folders for _ in folder.iterdir())
        except OSError:
            return False

    @functools.cached_property
    def _leftovers(self) -> frozenset[str]:
        names = inodes_in(str(self._context.layout.blobs))
        return frozenset(name for name in names if name.endswith((".part", RECORD_SUFFIX)))

    def _patience(self, lane: Lane, work: Work) -> Patience:
        file = work.file

        def waiting(why: str) -> None:
            self._waited_for.add(file.etag)
            self._context.control.note("waiting_for_lock", why)

        return Patience(
            timeout_seconds=self._context.options.lock_timeout_seconds,
            wait=lane.stopper.wait,
            waiting=waiting,
            needless=lambda: self._context.layout.has_content(work.names),
            signs_of_life=lambda: self._look_at_other(file),
        )

    def _look_at_other(self, file: RemoteFile) -> int:
        """Count what another server of ours has claimed so far: a start goes on from there."""
        layout = self._context.layout
        claimed = kept_spans(layout, file)[0].total
        if claimed > self._counted.of(file.etag):
            self._settle(file, claimed)
        return unfinished_bytes(layout.blobs, file.etag)

    def _download(self, lane: Lane, work: Work) -> None:
        """Fetch, and once more from the beginning where the hash is wrong."""
        one_way = self._large if work.has_record else self._small
        if one_way(lane, work.file, again=False):
            return
        if not one_way(lane, work.file, again=True):
            raise HashMismatch(
                f"{work.file.path} arrived twice with another hash than the publisher's;"
                " nothing of it was kept."
            )

    def _small(self, lane: Lane, file: RemoteFile, *, again: bool) -> bool:
        context = self._context
        self._settle(file, 0)
        data = fetch_small(context, lane, file)
        if len(data) < file.size_bytes:
            return self._large(lane, file, again=again, first=data)
        if hash_of(data, file) != file.etag:
            if not again:
                context.control.restart_file(file.path, 0, WRONG_HASH)
            return False
        if lane.ahead:
            lane.ahead.ask()
        self._write_small(file, data)
        self._counted.settle(file.etag, file.size_bytes)
        context.control.add_bytes(file.size_bytes)
        return True

    def _write_small(self, file: RemoteFile, data: memoryview) -> None:
        layout = self._context.layout
        unfinished = layout.part_text(file)
        try:
            write_whole(unfinished, data)
            move(unfinished, layout.blob_text(file))
        except OSError:
            with contextlib.suppress(OSError):
                remove(unfinished)
            raise
        self._sweep(file)

    def _large(
        self, lane: Lane, file: RemoteFile, *, again: bool, first: memoryview | None = None
    ) -> bool:
        """A second time the file is asked for as a whole: who can tell whose fault it was.

        `first` are the bytes of it that have come already.
        """
        context = self._context
        partial = Partial(context.layout, file)
        context.partials.add(partial)
        try:
            self._settle(file, partial.extent.total)
            if first is not None:
                self._begin(file, partial, first)
            alone = again or file.size_bytes <= SMALL_FILE_BYTES
            found = WideFetch(context, file, partial, alone=alone).run(lane)
            if found == file.etag:
                partial.commit(context.layout.blob(file), lane.stopper.check)
                return True
            context.control.restart_file(file.path, partial.reset(), WRONG_HASH)
            return False
        finally:
            context.partials.discard(partial)
            self._counted.settle(file.etag, partial.extent.total)
            partial.close()

    def _begin(self, file: RemoteFile, partial: Partial, first: memoryview) -> None:
        if lost := partial.reset():
            self._context.control.restart_file(file.path, lost, "it is fetched anew")
        partial.write(0, first)
        self._context.control.add_bytes(len(first))

    def _name(self, work: Work, *, verified: bool) -> None:
        for file in work.names:
            link(self._context.layout, file, is_last=work.is_last(file))
            self._context.control.file_done(file.path, file.size_bytes, verified=verified)

    def _settle(self, file: RemoteFile, present_bytes: int) -> None:
        difference = self._counted.settle(file.etag, present_bytes)
        if difference > 0:
            self._context.control.add_kept_bytes(difference)
        elif difference < 0:
            reason = "what was kept cannot be used"
            self._context.control.restart_file(file.path, -difference, reason)
