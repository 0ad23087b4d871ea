"""What is shown equals what is on the disk, within one flush, whatever happens on the way."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.standins.hub import Corrupt, Hub, Pattern, Reset, Slow, Source, Truncate
from tests.test_services.download_rig import ADMIN, Rig
from yipyap_core.api import views
from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.domain.jobs import Phase
from yipyap_core.transfer import present
from yipyap_core.ui import formats, progress

MB = 1_000_000
FLUSH_BYTES = 4 * MB
"""Bytes that may be written and not yet claimed, or claimed and not yet counted."""
SMALL: dict[str, Source] = {"a.json": b"{}", "merges.txt": Pattern(700_000, 1)}
REASONS = frozenset({"restart_file", "fewer_kept"})
FAULTS = {
    "reset": Reset(2 * MB),
    "cut": Truncate(3 * MB),
    "damage": Corrupt(1 * MB),
}
mishaps = st.lists(st.sampled_from([*FAULTS, "pause", "restart"]), max_size=4)


class Witness:
    """Compares the status with the disk again and again."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.last = 0
        self.drops = 0
        self.looks = 0

    def look(self) -> DownloadStatus:
        before = self._on_disk()
        status = self.rig.service.status("m")
        after = self._on_disk()
        done = status.progress.bytes_done
        assert (status.progress.percent == 100.0) is status.verified
        self._say_the_same(status)
        assert done <= max(before, after) + FLUSH_BYTES
        self.drops += done < self.last
        if done >= self.last and after >= before and status.phase is Phase.TRANSFERRING:
            assert done >= before - FLUSH_BYTES
        self.last = done
        self.looks += 1
        return status

    def _say_the_same(self, status: DownloadStatus) -> None:
        """What API and page say is this very status."""
        said, shown = views.download_status(status), status.progress
        assert (said["bytes_done"], said["bytes_total"]) == (shown.bytes_done, shown.bytes_total)
        assert (said["progress"] == 100.0) is status.verified
        assert ("100.0" in formats.percent(shown.percent)) is status.verified
        if shown.whole_bytes is not None:
            assert 0 <= shown.whole_bytes <= shown.bytes_done
            files = f"{shown.files_done} of {shown.files_total} files"
            assert not shown.bytes_done or files in progress.kept_words(shown)

    def _on_disk(self) -> int:
        plan = self.rig.service._presence.plan_of(self.rig.shelf.get("m"))
        if plan is None:
            return 0
        there = present(plan, self.rig.cache)
        return there.kept_bytes + there.partial_bytes

    def reasons(self) -> int:
        """How often the timeline says why something is fetched again."""
        return sum(event.kind in REASONS for event in self.rig.service.timeline("m"))

    def until(self, rate: float, rng: random.Random) -> DownloadStatus:
        """Look at random moments until so much of the file is there, or all has ended."""
        while True:
            number = self.rig.service.events.last_number
            status = self.look()
            if status.status is not DownloadState.DOWNLOADING:
                return status
            if status.progress.bytes_done > rate * max(1, status.progress.bytes_total):
                return status
            self.rig.service.events.wait(number, rng.uniform(0.001, 0.1))


def befall(witness: Witness, hub: Hub, mishap: str) -> None:
    if mishap in FAULTS:
        hub.inject(FAULTS[mishap], path="model.safetensors", count=1)
    elif mishap == "pause" and witness.rig.runner.is_busy:
        promised, reasons = witness.rig.service.what_is_kept("m"), witness.reasons()
        answered = witness.rig.service.pause(ADMIN, "m")
        paused = witness.look()
        kept = witness._on_disk() >= promised.kept_bytes + promised.current_bytes
        assert kept or witness.reasons() > reasons
        assert paused.progress.bytes_done == witness._on_disk()  # at rest they are the same
        assert answered.progress.bytes_done == paused.progress.bytes_done
        assert answered.progress.files_done == paused.progress.files_done
        witness.rig.service.resume(ADMIN, "m")
    elif mishap == "restart":
        witness.rig.close()
        witness.rig = witness.rig.again().start()


@settings(max_examples=8)
@given(mishaps=mishaps, size=st.integers(6 * MB, 24 * MB), seed=st.integers(0, 1 << 20))
def test_shown_bytes_are_the_bytes_on_the_disk(mishaps: list[str], size: int, seed: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, Hub() as hub:
        hub.add_repo("org/m", {"model.safetensors": Pattern(size), **SMALL})
        hub.configure(connection_bps=20 * MB)
        hub.inject(Slow(MB), path="merges.txt")
        rig = Rig(Path(folder), hub, options={"attempts": 6}).start()
        rig.shelf.add("m", "org/m")
        witness = Witness(rig)
        try:
            rig.service.start(ADMIN, "m")
            for step, mishap in enumerate(mishaps, start=1):
                witness.until(step / (len(mishaps) + 1), rng)
                befall(witness, hub, mishap)
            assert witness.until(1.0, rng).verified
            assert witness.drops <= witness.reasons()
            assert witness.looks > 3
        finally:
            witness.rig.close()
