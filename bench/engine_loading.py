"""Loading a 2 GB checkpoint against a plain read of its files and one forward.

    python -m bench.engine_loading FAMILY FOLDER    (the plain side, in a process of its own)

Both sides start with the files out of the page cache. The plain side imports its runtime, reads
every byte into one buffer and throws it away, builds the network in memory without timing that, and
times the first forward. Ours is one load of the pool: a new process, the import, the files, the
network, the first forward. An import is no part of a checkpoint, so the plain side's is added to
what ours may take.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.engine_weights import write_joint_tagger, write_llava
from yipyap_core.domain.engines import LoadPlan
from yipyap_core.engines.base import Source, find_engines
from yipyap_core.engines.devices import cores
from yipyap_core.engines.pool import EnginePool
from yipyap_core.engines.reading import weights_of
from yipyap_core.families.joycaption import JoyCaptionConfig
from yipyap_core.families.jtp2 import JTP2Config

ALLOWED = 1.3
WRITE: dict[str, Callable[[Path], Path]] = {
    "jtp2": lambda folder: write_joint_tagger(folder, depth=30),
    "joycaption": write_llava,
}
CONFIGS = {"jtp2": JTP2Config(), "joycaption": JoyCaptionConfig()}
"""Which checkpoints, both of about 2 GB: one of our own loader, one that transformers reads."""


@dataclass(frozen=True)
class Plain:
    """Seconds of the plain side."""

    importing: float
    reading: float
    forward: float


def plan_over(family: str, folder: Path) -> LoadPlan:
    """What the product would load of this folder."""
    files = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    return find_engines()[family].plan([Source(family, folder, files)], CONFIGS[family])


def forget(plan: LoadPlan) -> None:
    """Put the files out of the page cache; they have to be on the disk before."""
    for path in weights_of(plan):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def plain_side(family: str, folder: Path) -> Plain:
    """Run it in a new process."""
    command = [sys.executable, "-m", "bench.engine_loading", family, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Plain(**json.loads(done.stdout.splitlines()[-1]))


def our_side(pool: EnginePool, plan: LoadPlan) -> float:
    """One load, from the order to ready."""
    forget(plan)
    began = time.perf_counter()
    pool.load(plan)
    spent = time.perf_counter() - began
    pool.unload(plan.key)
    return spent


def main(family: str, folder: Path) -> None:
    """Measure the plain side and print it."""
    plan = plan_over(family, folder)
    forget(plan)
    importing = _timed(lambda: _import(family))
    reading = _timed(lambda: _read(plan))
    forward = _timed(_forward(family, plan))
    print(json.dumps({"importing": importing, "reading": reading, "forward": forward}))


def _import(family: str) -> None:
    import torch

    torch.set_num_threads(cores())
    if family == "joycaption":
        from transformers import AutoTokenizer, LlavaForConditionalGeneration

        assert AutoTokenizer
        assert LlavaForConditionalGeneration
    else:
        import yipyap_core.engines.networks.siglip

        assert yipyap_core.engines.networks.siglip


def _read(plan: LoadPlan) -> None:
    buffer = bytearray(16 << 20)
    for path in weights_of(plan):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def _forward(family: str, plan: LoadPlan) -> Callable[[], object]:
    """The engine's own network with all of its weights in memory, never run before."""
    import torch

    class Silent:
        def phase(self, phase: object, bytes_done: int = 0) -> None:
            del phase, bytes_done

    engine: Any = find_engines()[family].load(plan, Silent())
    network = engine.network if family == "jtp2" else engine.model
    for value in network.parameters():
        value.data = value.data.clone()

    def run() -> None:
        with torch.inference_mode():
            engine.warm()

    return run


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
