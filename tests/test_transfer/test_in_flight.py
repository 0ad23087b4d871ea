"""What the connections of one file hold between the network and the disk: kill -9 costs that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.standins.hub import Pattern, RemoteHub
from tests.test_transfer.support import REPO, Control, assert_cache_is_right, plan_of, transfer_of
from yipyap_core.transfer import wide_fetch
from yipyap_core.transfer.growth import Growth
from yipyap_core.transfer.options import CLAIM_BYTES, MIB

LARGE = "model.safetensors"
SIZE = 200 * MIB
MOST_LOST_BYTES = 4_000_000


class Pieces(Control):
    """Keeps, for each number of connections, the largest piece that one of them brought."""

    def __init__(self) -> None:
        super().__init__()
        self.largest: dict[int, int] = {}
        self._connections = 1
        self._to_skip = 0

    def note(self, kind: str, message: str) -> None:
        super().note(kind, message)
        if kind == "connections":
            self._connections = int(message.split()[1])
            self._to_skip = 2 * self._connections  # what they were busy with before

    def add_bytes(self, size_bytes: int) -> None:
        super().add_bytes(size_bytes)
        self._to_skip -= 1
        if self._to_skip < 0 and self.fetched < SIZE // 2:  # towards the end there are fewer
            largest = self.largest.get(self._connections, 0)
            self.largest[self._connections] = max(largest, size_bytes)


class AtOnce(Growth):
    """Takes all connections without measuring: a busy machine would find that nothing is gained."""

    def look(self, now: float, present_bytes: int, *, most: int) -> bool:
        del now, present_bytes
        before, self.target = self.target, most
        return before != most


def test_many_fast_connections_hold_no_more_than_a_kill_may_cost(
    remote_hub: RemoteHub, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wide_fetch, "Growth", AtOnce)
    plan = plan_of(remote_hub, remote_hub.add_repo(REPO, {LARGE: Pattern(SIZE)}))
    remote_hub.configure(connection_bps=16_000_000)
    control = Pieces()

    transfer_of(remote_hub.endpoint, cache_dir).run(plan, control=control)

    assert max(control.largest) > 2
    for connections, largest in control.largest.items():
        assert CLAIM_BYTES + connections * largest <= MOST_LOST_BYTES, control.largest
    assert_cache_is_right(cache_dir, plan)
