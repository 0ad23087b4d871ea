"""What is shown against what lies on the disk, at random moments and under faults."""

from __future__ import annotations

import functools
import random
from pathlib import Path

import pytest

from tests.standins.hub import (
    Corrupt,
    Fault,
    IgnoreRange,
    Pattern,
    RemoteHub,
    Reset,
    Source,
    Truncate,
)
from tests.test_transfer.support import (
    REPO,
    Control,
    Running,
    assert_cache_is_right,
    plan_of,
    transfer_of,
    wait_until,
)
from yipyap_core.transfer import present
from yipyap_core.transfer.options import CLAIM_BYTES, MIB

LARGE = "model.safetensors"
FILES: dict[str, Source] = {
    LARGE: Pattern(24 * MIB),
    "second.bin": Pattern(6 * MIB, 1),
    **{f"small/{number}.txt": b"x" * 5000 * number for number in range(1, 20)},
}
FAULTS: list[Fault] = [Truncate(5 * MIB), Reset(3 * MIB), Corrupt(9 * MIB), IgnoreRange()]


@pytest.mark.parametrize("seed", range(2))
def test_shown_and_stored_are_never_more_than_a_flush_apart(
    remote_hub: RemoteHub, cache_dir: Path, control: Control, seed: int
) -> None:
    hub, chance = remote_hub, random.Random(seed)
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.configure(server_bps=40_000_000)
    for fault in chance.sample(FAULTS, 2):
        hub.inject(fault, path=LARGE, count=1)
    running = Running(transfer_of(hub.endpoint, cache_dir), plan, control)
    large_files = 2
    samples: list[int] = []
    while len(control.done) < len(plan.files):
        before, lost = control.present, control.lost
        presence = present(plan, cache_dir)
        stored = presence.kept_bytes + presence.partial_bytes
        after = control.present
        if lost == control.lost and before - stored > large_files * (CLAIM_BYTES + MIB):
            # a file has just begun anew on the disk: the next thing is to say so
            wait_until(functools.partial(_has_lost_more, control, lost))
        elif lost == control.lost:
            assert stored - after <= (large_files + 1) * MIB
        assert not presence.complete or len(control.done) >= len(plan.files) - large_files
        samples.append(after + control.lost)
        wait = chance.uniform(0.001, 0.03)
        control.wait(wait)

    wait_until(lambda: running.outcome() is None)
    assert samples == sorted(samples)  # never backwards but by what was said to be lost
    assert control.present == plan.total_bytes
    assert_cache_is_right(cache_dir, plan)


def _has_lost_more(control: Control, than: int) -> bool:
    return control.lost > than
