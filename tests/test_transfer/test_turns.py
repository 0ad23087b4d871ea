"""The book of a limit that several processes share."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from yipyap_core.transfer import BandwidthLimit
from yipyap_core.transfer.limiter import BURST_SECONDS
from yipyap_core.transfer.turns import SharedTurns, Turns, turns_in

RATE = 1_000_000
HOLD_FOR_EVER = """
import signal, sys
from pathlib import Path
from yipyap_core.transfer.turns import SharedTurns
with SharedTurns(Path(sys.argv[1])):
    print("held", flush=True)
    signal.pause()
"""
READ_FOR_A_SECOND = """
import sys, time
from pathlib import Path
from yipyap_core.transfer import BandwidthLimit
from yipyap_core.transfer.turns import SharedTurns
limit = BandwidthLimit(1_000_000, turns=SharedTurns(Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
total, began = 0, time.monotonic()
while time.monotonic() < began + 1.0:
    total += limit.take(1 << 20, time.sleep)
print(total, began, time.monotonic(), flush=True)
"""


def python(program: str, path: Path) -> subprocess.Popen[str]:
    """The program in a process of its own that has said its first word."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_processes_that_share_a_book_hold_one_limit_together(tmp_path: Path) -> None:
    readers = [python(READ_FOR_A_SECOND, tmp_path / "turns") for _ in range(3)]
    for reader in readers:
        assert reader.stdin is not None
        reader.stdin.write("go\n")
        reader.stdin.flush()
    said = [reader.communicate(timeout=20)[0].split() for reader in readers]
    totals = [int(words[0]) for words in said]
    seconds = max(float(words[2]) for words in said) - min(float(words[1]) for words in said)

    assert all(totals)
    assert sum(totals) <= RATE * (seconds + BURST_SECONDS + 0.05)
    with SharedTurns(tmp_path / "turns") as turns:
        assert turns.booked_bytes == sum(totals)


def test_two_limits_on_one_book_take_turns(tmp_path: Path) -> None:
    limits = [BandwidthLimit(RATE, turns=turns_in(tmp_path)) for _ in range(2)]
    began, totals = time.monotonic(), [0, 0]

    def read(number: int) -> None:
        while time.monotonic() < began + 1.0:
            totals[number] += limits[number].take(1 << 20, time.sleep)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(totals) <= RATE * (time.monotonic() - began + BURST_SECONDS + 0.05)
    assert min(totals) > 0
    assert all(limit.is_reached for limit in limits)


def test_a_process_that_dies_with_the_book_in_hand_holds_nobody_up(tmp_path: Path) -> None:
    holder = python(HOLD_FOR_EVER, tmp_path / "turns")
    holder.kill()
    holder.wait()
    with SharedTurns(tmp_path / "turns") as turns:
        assert turns.booked_bytes == 0.0


@pytest.mark.parametrize("left", [10**9, float("nan")])
def test_what_a_book_of_an_earlier_uptime_says_is_not_waited_for(
    tmp_path: Path, left: float
) -> None:
    with SharedTurns(tmp_path / "turns") as turns:
        turns.free_at = left
    limit = BandwidthLimit(1000, turns=SharedTurns(tmp_path / "turns"))
    with SharedTurns(tmp_path / "turns") as turns:
        turns.free_at = left

    began = time.monotonic()
    limit.take(1, time.sleep)

    assert time.monotonic() - began < 5.0


def test_where_no_book_can_be_shared_each_process_holds_the_limit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    turns = turns_in(tmp_path / "file")
    assert type(turns) is Turns
    assert "for this process alone" in caplog.text
