"""What the engines cost and gain: real-size taggers, the protocol, loading, the dashboard beside.

    python -m bench.engines [--pictures N] [--only overhead,taggers,loading,poll]

Weights are random and written to a temporary folder in the published layouts, so the tags mean
nothing, but every step costs what it costs. Everything runs one after the other on this machine;
seconds of the processor are printed beside those of the clock, for a machine is rarely quiet.
The exit status is 1 when a goal was missed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from bench import engine_loading, engine_poll
from bench.engine_graph import write_tagger
from bench.engine_weights import write_joint_tagger
from tests.standins.tiny_models import files_of, put_into_folder
from yipyap_core.domain.engines import CpuPrecision, LoadPlan
from yipyap_core.engines.asking import Ask
from yipyap_core.engines.base import Source, find_engines
from yipyap_core.engines.loading import PoolOptions
from yipyap_core.engines.memory import SystemMeasure
from yipyap_core.engines.pool import EnginePool
from yipyap_core.families.jtp2 import JTP2Config
from yipyap_core.families.wdv3 import WDv3Config

PARTS = ("overhead", "taggers", "loading", "poll")
ENGINES = find_engines()
THRESHOLD = {"wdv3": 0.35, "jtp2": 0.2}
CONFIGS: dict[str, Any] = {
    "wdv3": WDv3Config(gen_threshold=0.0, char_threshold=0.0),
    "jtp2": JTP2Config(threshold=0.0),
}
TIMEOUT_SECONDS = 600.0
OVERHEAD_MILLISECONDS = 3.0
GAIN = 1.5
EXACT = 1e-3
"""Largest change of a score that fp32 may make."""
POLL_MILLISECONDS = 20.0

missed: list[str] = []


def main() -> int:
    """Run every part and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--only", default=",".join(PARTS))
    options = parser.parse_args()
    wanted = options.only.split(",")
    print(f"load of the machine: {psutil.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "overhead" in wanted:
            with pool_of() as pool:
                overhead(pool, folder)
        if "taggers" in wanted:
            graph = write_tagger(folder / "wdv3")
            tagger("wdv3", graph, options.pictures, CpuPrecision.QUICK)
            tagger("wdv3", graph, options.pictures, CpuPrecision.EXACT)
            tagger("jtp2", write_joint_tagger(folder / "jtp2", depth=27), options.pictures)
        if "loading" in wanted:
            for family in engine_loading.WRITE:
                loading(family, folder)
        if "poll" in wanted:
            poll(folder)
    for line in missed:
        print(f"missed: {line}")
    return 1 if missed else 0


@contextmanager
def pool_of(options: PoolOptions | None = None) -> Iterator[EnginePool]:
    """A pool with every engine, closed at the end."""
    environment = {**os.environ, "YOLO_CONFIG_DIR": tempfile.gettempdir()}
    pool = EnginePool(
        engines=ENGINES,
        environment=environment,
        measure=SystemMeasure(environment),
        options=options,
    )
    try:
        yield pool
    finally:
        pool.close()


def picture(width: int, height: int, seed: int) -> bytes:
    """A JPEG of smooth noise, about as hard to decode as a photograph."""
    source = np.random.default_rng(seed)
    small = source.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
    large = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def plan_of(engine: str, folder: Path, config: Any) -> LoadPlan:
    """A plan over the files of a folder."""
    files = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    return ENGINES[engine].plan([Source(engine, folder, files)], config)


def overhead(pool: EnginePool, folder: Path) -> None:
    """Seconds of a request outside of the worker's own work, at 512 x 512."""
    config = WDv3Config()
    plan = plan_of("wdv3", put_into_folder(folder / "tiny", files_of("wdv3-vit")), config)
    pool.load(plan)
    data, spent = picture(512, 512, 0), []
    for _ in range(200):
        began = time.perf_counter()
        outcome = pool.run(Ask(plan, data, config.model_dump()))
        spent.append(time.perf_counter() - began - outcome.processing_seconds)
    middle = statistics.median(spent) * 1e3
    show("worker and protocol, 512 x 512, median", middle, "ms", "at most 3")
    goal("overhead", middle <= OVERHEAD_MILLISECONDS)


def tagger(
    family: str, checkpoint: Path, count: int, how: CpuPrecision = CpuPrecision.AUTO
) -> None:
    """Our whole path against the straight script, at the real size."""
    folder = checkpoint.parent
    pictures = [picture(1600, 1200, seed) for seed in range(count)]
    for at, data in enumerate(pictures):
        (folder / f"{at}.jpg").write_bytes(data)
    straight = run_straight(family, checkpoint, folder, count)
    plan = plan_of(family, checkpoint, CONFIGS[family])
    with pool_of(PoolOptions(cpu_precision=how)) as pool:
        pool.load(plan)
        status = pool.ledger.status(plan.key)
        assert status is not None
        assert status.pid is not None
        assert status.info is not None
        child = psutil.Process(status.pid)
        before, began = sum(child.cpu_times()[:2]), time.perf_counter()
        ours = answers(pool, plan, family, pictures)
        wall = (time.perf_counter() - began) / count
        cpu = (sum(child.cpu_times()[:2]) - before) / count
    precision, gain = status.info.precision, straight["wall"] / wall
    show(f"{family}: straight script, fp32", straight["wall"], "s/picture", _cpu(straight["cpu"]))
    factors = f"{gain:.2f} x by the clock, {straight['cpu'] / cpu:.2f} x by CPU"
    show(f"{family}: ours, {precision}", wall, "s/picture", f"{_cpu(cpu)}; {factors}")
    change, differing = compared(straight["scores"], ours, THRESHOLD[family])
    show(f"{family}: largest change of a score", change, "", f"{differing} tags differ in all")
    if how is not CpuPrecision.EXACT:
        goal(f"{family}: {GAIN} x", gain >= GAIN)
    if precision == "fp32":
        goal(f"{family}: equal tags and scores", differing == 0 and change <= EXACT)


def answers(
    pool: EnginePool, plan: LoadPlan, family: str, pictures: Sequence[bytes]
) -> list[dict[str, float]]:
    """Scores of each picture, a few requests at a time, as a batch over the API sends them."""
    config = CONFIGS[family].model_dump()

    def one(data: bytes) -> dict[str, float]:
        outcome = pool.run(Ask(plan, data, config, {}, TIMEOUT_SECONDS))
        return {tag.name: tag.score for tag in outcome.answer.tags}

    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(one, pictures))


def compared(
    theirs: list[list[float]], ours: list[dict[str, float]], threshold: float
) -> tuple[float, int]:
    """Largest change among the scores that ours tells, and tags over the threshold in only one."""
    change, differing = 0.0, 0
    for row, tags in zip(theirs, ours, strict=True):
        for name, score in tags.items():
            other = row[int(name.removeprefix("tag "))]
            change = max(change, abs(score - other))
            differing += (score > threshold) != (other > threshold)
    return change, differing


def run_straight(family: str, checkpoint: Path, pictures: Path, count: int) -> dict[str, Any]:
    """The script of the model card in a process of its own."""
    answer = pictures / "straight.json"
    command = [sys.executable, "-m", "bench.engine_straight", family, str(checkpoint)]
    subprocess.run([*command, str(pictures), str(count), str(answer)], check=True)
    found: dict[str, Any] = json.loads(answer.read_text())
    return found


def loading(family: str, folder: Path, rounds: int = 3) -> None:
    """A load of 2 GB against a plain read and one forward; the best of a few rounds of each."""
    plan = engine_loading.plan_over(family, engine_loading.WRITE[family](folder / f"{family}-2gb"))
    with pool_of() as pool:
        plain, ours = [], []
        for _ in range(rounds):
            plain.append(engine_loading.plain_side(family, folder / f"{family}-2gb"))
            ours.append(engine_loading.our_side(pool, plan))
    importing = min(one.importing for one in plain)
    work = min(one.reading for one in plain) + min(one.forward for one in plain)
    size = f"{plan.bytes_total / 1e9:.2f} GB, cold"
    show(f"{family}: plain read and first forward, {size}", work, "s", f"import {importing:.2f} s")
    ratio = (min(ours) - importing) / work
    show(f"{family}: our load in a new process", min(ours), "s", f"{ratio:.2f} x without import")
    goal(f"{family}: load", ratio <= engine_loading.ALLOWED)


def poll(folder: Path) -> None:
    """A live page's poll on the real dashboard while two engines run flat out."""
    (folder / "server").mkdir()
    found = engine_poll.measure(folder / "server", picture(1024, 1024, 1))
    show("poll of the Overview, p95, engines idle", found.quiet * 1e3, "ms")
    note = f"{found.pictures_a_second:.2f} pictures/s beside it"
    show("the same while two engines run flat out", found.busy * 1e3, "ms", note)
    goal("poll", (found.busy - found.quiet) * 1e3 <= POLL_MILLISECONDS)


def goal(name: str, is_met: bool) -> None:
    """Note a goal that was missed."""
    if not is_met:
        missed.append(name)


def show(name: str, value: float, unit: str, note: str = "") -> None:
    """One line of the table."""
    print(f"{name:62} {value:10.4f} {unit:10} {note}", flush=True)


def _cpu(seconds: float) -> str:
    return f"{seconds:.2f} s of CPU"


if __name__ == "__main__":
    sys.exit(main())
