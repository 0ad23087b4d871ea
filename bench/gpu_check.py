"""Every family on the GPU: fp16 and bf16, batches of 1 to 64, pictures a second, share of the peak.

    python -m bench.gpu_check [REPORT] [--rehearse]

Writes a report in Markdown (build/gpu-check.md). Without a GPU it says so and measures nothing.
`--rehearse` runs the same program on the CPU with tiny networks: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gpu_networks import SUBJECTS, Subject, counted
from tests.standins.tiny_models import files_of, put_into_folder
from yipyap_core.domain.engines import Outcome
from yipyap_core.engines.asking import Ask
from yipyap_core.engines.base import Source, find_engines
from yipyap_core.engines.devices import has_cuda_driver
from yipyap_core.engines.failures import is_gpu_out_of_memory
from yipyap_core.engines.memory import SystemMeasure
from yipyap_core.engines.pool import EnginePool
from yipyap_core.errors import YipyapError
from yipyap_core.families import find_families
from yipyap_core.services.engines.canary import calm, canary_picture

REPORT = Path("build/gpu-check.md")
NO_GPU = "No GPU: this host has no CUDA driver with a card. Nothing was run on CUDA."
DTYPES = {"fp16": "float16", "bf16": "bfloat16"}
HEAD = "| family | network | precision | batch | pictures/s | share of the peak | passed |"


@dataclass(frozen=True)
class Scope:
    """What is run, and where."""

    device: str = "cuda"
    tiny: bool = False
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    workers: tuple[str, ...] = ()
    """Families that are also run in workers; empty: all."""
    peak_side: int = 8192
    rounds: int = 10


REHEARSAL = Scope("cpu", True, (1, 2), ("jtp2", "wdv3"), 256, 2)


@dataclass(frozen=True)
class Line:
    """One row of the report."""

    family: str
    network: str
    precision: str
    batch: int
    pictures_a_second: float = 0.0
    share: float | None = None
    """Of what the card reaches in a large product of matrices of this precision."""
    failure: str = ""

    def __str__(self) -> str:
        """As a row of the table."""
        share = "" if self.share is None else f"{self.share:.1%}"
        speed = f"{self.pictures_a_second:.1f}" if self.pictures_a_second else ""
        passed = f"NO: {self.failure}" if self.failure else "yes"
        cells = [self.family, self.network, self.precision, str(self.batch), speed, share, passed]
        return f"| {' | '.join(cells)} |"


def main() -> int:
    """Write the report; the status is 1 when something that should run on the GPU did not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", nargs="?", type=Path, default=REPORT)
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, with tiny networks")
    options = parser.parse_args()
    options.report.parent.mkdir(parents=True, exist_ok=True)
    if not options.rehearse and not has_cuda_driver():
        options.report.write_text(f"# GPU check\n\n{NO_GPU}\n", encoding="utf-8")
        print(NO_GPU)
        return 0
    scope = REHEARSAL if options.rehearse else Scope()
    lines = []
    for line in (*in_workers(scope), *networks(scope)):
        print(line, flush=True)
        lines.append(line)
    options.report.write_text(report(scope, lines), encoding="utf-8")
    return 1 if any(line.failure for line in lines) else 0


def report(scope: Scope, lines: list[Line]) -> str:
    """The whole file."""
    about = _card() if scope.device == "cuda" else "A rehearsal on the CPU: no figure counts."
    failed = sum(1 for line in lines if line.failure)
    verdict = f"{len(lines) - failed} of {len(lines)} rows passed."
    ruler = "|---" * HEAD.count(" | ") + "|---|"
    rows = "\n".join([HEAD, ruler, *map(str, lines)])
    return f"# GPU check\n\n{about} {verdict}\n\n{rows}\n"


# ---- the product's own path: a worker, its protocol, its batches


def in_workers(scope: Scope) -> Iterator[Line]:
    """Load each family's tiny checkpoint in a worker and send it batches of requests at once."""
    engines = find_engines()
    environment = {**os.environ, "YOLO_CONFIG_DIR": tempfile.gettempdir()}
    pool = EnginePool(engines=engines, environment=environment, measure=SystemMeasure(environment))
    try:
        for family in find_families():
            if family.engine in engines and (not scope.workers or family.id in scope.workers):
                for precision in _precisions(family.config):
                    yield from _in_worker(pool, scope, family, precision)
    finally:
        pool.close()


def _in_worker(
    pool: EnginePool, scope: Scope, family: Any, precision: dict[str, str]
) -> Iterator[Line]:
    wanted = precision.get("precision", "")
    name = "tiny, in a worker"
    with tempfile.TemporaryDirectory() as folder:
        try:
            config = calm(family.config(**precision))
            sources = [_source(Path(folder), model_id) for model_id in config.model_ids()]
            plan = find_engines()[family.engine].plan(sources, config)
            ask = Ask(plan, canary_picture(), config.model_dump())
            pool.run(ask)
            for batch in scope.batches:
                yield _together(
                    pool, ask, batch, scope.device, Line(family.id, name, wanted, batch)
                )
        except YipyapError as error:
            yield Line(family.id, name, wanted, 1, failure=error.message)
        pool.retire(plan.key)


def _together(pool: EnginePool, ask: Ask, batch: int, device: str, line: Line) -> Line:
    """So many requests at once; the worker makes batches of them where the model allows."""
    began = time.perf_counter()
    with ThreadPoolExecutor(batch) as threads:
        outcomes = list(threads.map(lambda _: pool.run(ask), range(batch)))
    seconds = time.perf_counter() - began
    info = outcomes[-1].info
    return Line(
        line.family,
        f"{line.network}{_runtime(outcomes[-1])}",
        info.precision,
        batch,
        batch / seconds,
        failure="" if info.device == device else f"it ran on {info.device}: {info.device_reason}",
    )


def _runtime(outcome: Outcome) -> str:
    return f", {outcome.info.provider}" if outcome.info.provider else ""


def _precisions(config: Any) -> list[dict[str, str]]:
    field = config.model_fields.get("precision")
    return [{"precision": name} for name in field.annotation.__args__] if field else [{}]


def _source(folder: Path, model_id: str) -> Source:
    root = put_into_folder(folder / model_id, files_of(model_id))
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return Source(model_id, root, files)


# ---- networks of real size


def networks(scope: Scope) -> Iterator[Line]:
    """Each family's network with random weights, in batches, against the card's own peak."""
    import torch

    for precision, name in DTYPES.items():
        dtype = getattr(torch, name)
        peak = _peak(scope, dtype)
        for subject in SUBJECTS:
            yield from _network(scope, subject, precision, dtype, peak)
            if scope.device == "cuda":
                torch.cuda.empty_cache()


def _network(
    scope: Scope, subject: Subject, precision: str, dtype: Any, peak: float
) -> Iterator[Line]:
    """Batches until one does not fit; the first one has to."""
    import torch

    batch = 1
    try:
        with torch.inference_mode():
            call = subject.make(dtype, scope.device, scope.tiny)
            operations = counted(call)
        for batch in scope.batches:
            seconds = _seconds(scope, lambda: call(batch))  # noqa: B023 - called at once
            share = operations * batch / seconds / peak
            yield Line(subject.family, subject.what, precision, batch, batch / seconds, share)
    except Exception as error:  # noqa: BLE001 - one network that fails spares the others
        fits = is_gpu_out_of_memory(error)
        said = (
            "it does not fit into the card's memory" if fits else f"{type(error).__name__}: {error}"
        )
        first = str(said).splitlines()[0][:120].replace("|", "/")
        failure = "" if fits and batch > 1 else first
        network = f"{subject.what} (stopped: {first})" if not failure else subject.what
        yield Line(subject.family, network, precision, batch, failure=failure)


def _seconds(scope: Scope, call: Callable[[], object]) -> float:
    import torch

    def wait() -> None:
        if scope.device == "cuda":
            torch.cuda.synchronize()

    with torch.inference_mode():
        call()
        wait()
        began = time.perf_counter()
        rounds = 0
        while rounds < scope.rounds and (rounds == 0 or time.perf_counter() - began < 5.0):
            call()
            wait()
            rounds += 1
    return (time.perf_counter() - began) / rounds


def _peak(scope: Scope, dtype: Any) -> float:
    """Operations a second of a large matrix product: what this card reaches at best."""
    import torch

    side = scope.peak_side
    left = torch.randn(side, side, device=scope.device, dtype=dtype)
    return float(2 * side**3 / _seconds(scope, lambda: left @ left))


def _card() -> str:
    import torch

    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}."


if __name__ == "__main__":
    sys.exit(main())
