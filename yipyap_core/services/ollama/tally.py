"""How far a pull is: Ollama tells of each layer by itself, and of a further one when it begins."""

from __future__ import annotations

from yipyap_core.domain.jobs import Job
from yipyap_core.domain.ollama import PullFrame
from yipyap_core.jobs.meter import Meter


class PullTally:
    """Sums the progress of all layers; what was counted once is not taken back."""

    def __init__(self, meter: Meter, job: Job) -> None:
        """Go on from what an earlier attempt had reached."""
        self._meter = meter
        self._total_before = job.progress.bytes_total
        self._layers: dict[str, tuple[int, int]] = {}
        self._whole: set[str] = set()

    def add(self, frame: PullFrame) -> None:
        """Count one line of the stream."""
        digest, completed = frame.digest, frame.completed_bytes or 0
        if digest is None:
            return
        total, done = self._layers.get(digest, (0, 0))
        wider = max(total, frame.total_bytes or 0)
        self._layers[digest] = (wider, max(done, completed))
        if wider != total:
            self._replan()
        elif completed > done:
            self._meter.add_bytes(completed - done)
        self._meter.file_started(_short(digest))
        if completed >= wider > 0 and digest not in self._whole:
            self._whole.add(digest)
            self._meter.file_done()

    def begin_anew(self, words: str) -> None:
        """Take back the layer whose digest the service names, or all where it names none."""
        named = [digest for digest in self._layers if digest in words]
        for digest in named or list(self._layers):
            _, done = self._layers.pop(digest)
            self._whole.discard(digest)
            self._meter.restart_file(_short(digest), done, "its hash was wrong")

    def finish(self) -> None:
        """Show what there is as all there is."""
        total = sum(layer for layer, _ in self._layers.values())
        self._set(total, total)

    def _replan(self) -> None:
        """Count a further layer, with what of it was there before this pull."""
        total = sum(layer for layer, _ in self._layers.values())
        done = sum(done for _, done in self._layers.values())
        shown = self._meter.snapshot().bytes_done
        self._set(max(total, self._total_before), max(done, shown))

    def _set(self, bytes_total: int, kept_bytes: int) -> None:
        self._meter.set_plan(
            bytes_total=bytes_total,
            files_total=len(self._layers),
            kept_bytes=kept_bytes,
            kept_files=len(self._whole),
        )
        self._meter.add_kept_bytes(kept_bytes)


def _short(digest: str) -> str:
    """A layer as Ollama's own lines name it."""
    return digest.removeprefix("sha256:")[:12]
