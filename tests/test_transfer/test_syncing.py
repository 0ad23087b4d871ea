"""Durability meanwhile: a thread beside the connections, that a bad disk does not end."""

from __future__ import annotations

from tests.test_transfer.support import wait_until
from yipyap_core.transfer.context import OpenPartials
from yipyap_core.transfer.syncing import PeriodicSync


class Disk(OpenPartials):
    """Counts the rounds; every second one fails."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds = 0

    def sync(self) -> None:
        self.rounds += 1
        if self.rounds % 2:
            raise OSError(5, "input/output error")


def test_it_goes_on_round_after_round_whatever_the_disk_says() -> None:
    disk = Disk()
    with PeriodicSync(disk, 0.001):
        wait_until(lambda: disk.rounds > 4)
