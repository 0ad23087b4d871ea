"""One download in a process of its own, without the dashboard: made to be killed.

`python -m tests.test_recovery.downloader <folder> <hub> <repository> [<stop>]` goes on with what
is there, and ends with the word `completed` or the code of the failure. At <stop> it says
`stopped` and waits for its end: a phase such as `verifying`, or a step such as `os.rename:2`, the
second time that a file is about to be renamed.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.test_services.download_rig import ADMIN, Rig
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.jobs import Phase
from yipyap_core.jobs.meter import Meter


def main(folder: str, endpoint: str, repo_id: str, stop: str = "") -> None:
    hub = cast(Any, SimpleNamespace(endpoint=endpoint))
    rig = Rig(Path(folder), hub, options={"attempts": 6})
    rig.shelf.add("m", repo_id)
    stop_in_phase(stop)
    stop_before_step(stop, rig.cache)
    say("ready")
    rig.start()
    rig.service.start(ADMIN, "m")
    ended = rig.wait("m", lambda one: one.status is not DownloadState.DOWNLOADING, 120)
    say(ended.error.code if ended.error else ended.status.value)
    rig.close()


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def wait_for_death() -> None:
    say("stopped")
    threading.Event().wait()


def stop_in_phase(stop: str) -> None:
    """Hold the thread that enters the phase."""
    enter = Meter.set_phase

    def enter_or_stop(meter: Meter, phase: Phase) -> None:
        enter(meter, phase)
        if phase.value == stop:
            wait_for_death()

    setattr(Meter, "set_phase", enter_or_stop)  # noqa: B010 - only this process, only for its end


def stop_before_step(stop: str, cache: Path) -> None:
    """Hold the thread that is about to do the step in the cache for the nth time."""
    step, _, count = stop.partition(":")
    left = [int(count or 0)]

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event == step and str(cache) in str(arguments[:2]):
            left[0] -= 1
            if left[0] == 0:
                wait_for_death()

    if count:
        sys.addaudithook(look)


if __name__ == "__main__":
    main(*sys.argv[1:])
