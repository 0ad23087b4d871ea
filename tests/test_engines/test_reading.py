"""Files are brought in while a runtime is imported, and progress never goes backwards."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.test_engines.pools import pool_of, puppet
from yipyap_core.domain.engines import LoadPhase, LoadPlan
from yipyap_core.engines.reading import PIECE_BYTES, read_ahead, weights_of
from yipyap_core.engines.wire import Wire
from yipyap_core.engines.worker import Report


class Heard:
    """Remembers what a load reported."""

    def __init__(self) -> None:
        self.steps: list[tuple[LoadPhase, int]] = []

    def phase(self, phase: LoadPhase, bytes_done: int = 0) -> None:
        self.steps.append((phase, bytes_done))


def plan_over(**files: Path) -> LoadPlan:
    return LoadPlan("puppet", ("one",), {name: str(path) for name, path in files.items()})


def test_a_folder_stands_for_its_weights_and_lists_are_not_read(tmp_path: Path) -> None:
    for name in ("model-2.safetensors", "model-1.safetensors", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "tags.csv").write_bytes(b"x")
    (tmp_path / "sub").mkdir()
    graph = tmp_path / "sub" / "model.onnx"
    graph.write_bytes(b"x")
    found = weights_of(plan_over(folder=tmp_path, graph=graph, tags=tmp_path / "tags.csv"))
    assert [one.name for one in found] == [
        "model-1.safetensors",
        "model-2.safetensors",
        "model.onnx",
    ]


def test_bytes_are_told_piece_by_piece_until_the_last(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(2 * PIECE_BYTES + 5)
    heard = Heard()
    thread = read_ahead(plan_over(model=path), heard)
    assert thread is not None
    thread.join(30)
    assert heard.steps == [
        (LoadPhase.READING, PIECE_BYTES),
        (LoadPhase.READING, 2 * PIECE_BYTES),
        (LoadPhase.READING, 2 * PIECE_BYTES + 5),
    ]


def test_a_file_that_went_is_left_to_whoever_reads_it_in_earnest(tmp_path: Path) -> None:
    heard = Heard()
    assert read_ahead(plan_over(model=tmp_path / "none.safetensors"), heard) is None
    assert heard.steps == []


def test_a_later_phase_is_not_taken_back(tmp_path: Path) -> None:
    assert tmp_path
    ours, theirs = socket.socketpair()
    with ours, theirs:
        report = Report(Wire(theirs))
        report.phase(LoadPhase.BUILDING, 7)
        report.phase(LoadPhase.READING, 9)
        report.phase(LoadPhase.WARMING, 9)
        wire = Wire(ours)
        told = [wire.receive(), wire.receive()]
    assert [one.header["phase"] for one in told if one] == ["building", "warming"]


def test_a_worker_reads_ahead(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"x" * 100)
    plan = LoadPlan.from_json({**puppet().as_json(), "files": {"model": str(path)}})
    with pool_of() as pool:
        assert pool.load(plan).progress.phase is LoadPhase.DONE
