"""What an engine's file declares, and what a worker hands it.

A file in `engines/families/` exports `ENGINE`. Its `plan` runs in the dashboard and is cheap; its
`load` runs in the worker and is the place for heavy imports. Adding a file adds the engine.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from yipyap_core.discovery import find
from yipyap_core.domain.engines import Answer, AnswerKind, EngineInfo, LoadPhase, LoadPlan
from yipyap_core.errors import NotDownloaded
from yipyap_core.families.base import FamilyConfig

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Source:
    """The files of one model as they lie in the cache."""

    model_id: str
    folder: Path
    files: Mapping[str, Path]
    """Name inside the repository -> path."""

    def one(self, *patterns: str) -> Path:
        """The first file that matches; raises `NotDownloaded`."""
        found = self.find(*patterns)
        if found is None:
            wanted = " or ".join(patterns)
            raise NotDownloaded(f"{self.model_id} is not downloaded: {wanted} is missing.")
        return found

    def find(self, *patterns: str) -> Path | None:
        """The first file that matches one of the patterns, taken in their order."""
        for pattern in patterns:
            for name in sorted(self.files):
                if fnmatch.fnmatchcase(name, pattern):
                    return self.files[name]
        return None


@dataclass(frozen=True, slots=True)
class Job:
    """Settings and parameters of one request, and the two ways to talk to whoever asked."""

    config: Mapping[str, Any]
    params: Mapping[str, Any]
    emit: Callable[[str], None]
    """Hand on a piece of text as it is written; nothing happens when nobody listens."""
    cancelled: Callable[[], bool]
    """Whether the answer is still wanted; long generations ask between two tokens."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job with what `prepare` made of its picture."""

    job: Job
    inputs: Any
    size: tuple[int, int]
    """Width and height of the picture as it was sent."""


class LoadReport(Protocol):
    """How a loading engine says where it stands."""

    def phase(self, phase: LoadPhase, bytes_done: int = 0) -> None:
        """A new phase, or more bytes of the present one."""


class LoadedEngine(Protocol):
    """A model in memory."""

    @property
    def info(self) -> EngineInfo:
        """Where and how it runs."""

    def prepare(self, picture: Image, job: Job) -> Any:
        """Make the model's inputs of a picture; called from several threads at once."""

    def batch_key(self, job: Job) -> Hashable:
        """Jobs of one key may share a batch."""

    def run(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Answer jobs of one key; called from one thread only, in inference mode."""

    def warm(self) -> None:
        """Run once on nothing, so that the first request does not pay for it."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One engine: how it plans a load and how a worker loads it."""

    id: str
    kind: AnswerKind
    plan: Callable[[Sequence[Source], FamilyConfig], LoadPlan]
    """Choose files and options; raises `NotDownloaded` or `CheckpointRejected`."""
    load: Callable[[LoadPlan, LoadReport], LoadedEngine]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the worker, in place before anything is imported."""
    falls_back_to_cpu: bool = True
    """Whether a GPU without room is a reason to load on the CPU instead."""
    memory_factor: float = 1.3
    """Expected memory as a multiple of the files, until the first load was measured."""
    base_bytes: int = 1_200_000_000
    """Expected memory of a worker before any weights: the runtime's own."""


def find_engines(package: str = "yipyap_core.engines.families") -> dict[str, EngineSpec]:
    """Every engine that a file exports, by name."""
    found = find(package, "ENGINE", EngineSpec, lambda spec: spec.id)
    return {one.id: one.value for one in found}


def files_size(paths: Sequence[Path]) -> int:
    """Sum of the sizes, links followed."""
    return sum(path.stat().st_size for path in paths)
