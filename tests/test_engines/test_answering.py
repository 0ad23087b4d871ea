"""The worker's desk: each request runs in torch's inference mode where there is torch."""

from __future__ import annotations

import socket
import sys
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from tests.test_engines.pools import PICTURE
from yipyap_core.domain.engines import Answer, EngineInfo
from yipyap_core.engines.answering import Desk
from yipyap_core.engines.base import Job, Prepared
from yipyap_core.engines.wire import Frame, Wire

if TYPE_CHECKING:
    from PIL.Image import Image


class Torch(ModuleType):
    """As much of torch as the mode takes."""

    inside = False

    @contextmanager
    def inference_mode(self) -> Iterator[None]:
        self.inside = True
        yield
        self.inside = False


class Engine:
    """Notes in which mode it runs."""

    info = EngineInfo("cpu")

    def __init__(self, torch: Torch) -> None:
        self.torch = torch
        self.modes: list[bool] = []

    def prepare(self, picture: Image, job: Job) -> Any:
        assert picture.size == (4, 3)
        return job

    def batch_key(self, job: Job) -> Hashable:
        return id(job)

    def run(self, batch: Sequence[Prepared]) -> list[Answer]:
        self.modes.append(self.torch.inside)
        return [Answer() for _ in batch]

    def warm(self) -> None:
        raise AssertionError("loading warms up, not the desk")


def test_every_request_runs_in_inference_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = Torch("torch")
    monkeypatch.setitem(sys.modules, "torch", torch)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        desk, engine = Desk(Wire(theirs)), Engine(torch)
        desk.open(engine)
        for number in (1, 2):
            header: dict[str, Any] = {"kind": "run", "id": number, "config": {}, "params": {}}
            desk.take(Frame(header, (PICTURE,)))
        desk.take(Frame({"kind": "unload"}))
        order = desk.next_order()
    assert order is not None
    assert order.kind == "unload"
    assert engine.modes == [True, True]
