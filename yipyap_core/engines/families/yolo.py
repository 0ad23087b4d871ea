"""YOLO: objects with boxes, labels from the checkpoint's own names."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yipyap_core.domain.engines import (
    Answer,
    AnswerKind,
    Device,
    EngineInfo,
    LoadPhase,
    LoadPlan,
)
from yipyap_core.engines.base import EngineSpec, Job, LoadReport, Prepared, Source, files_size
from yipyap_core.engines.devices import Place
from yipyap_core.engines.preprocess import bgr
from yipyap_core.engines.ultralytics_models import ENVIRONMENT, class_numbers, detect, open_yolo
from yipyap_core.families.base import FamilyConfig

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 640
MAX_BATCH = 16


def plan(sources: Sequence[Source], config: FamilyConfig) -> LoadPlan:
    """The one `.pt` file."""
    del config
    source = sources[0]
    path = source.one("*.pt")
    return LoadPlan(
        engine="yolo",
        model_ids=(source.model_id,),
        files={"model": str(path)},
        device=Device.AUTO,
        bytes_total=files_size([path]),
    )


@dataclass(frozen=True, slots=True)
class YOLO:
    """The detector in memory."""

    model: Any
    place: Place
    info: EngineInfo

    def prepare(self, picture: Image, job: Job) -> Any:
        """BGR bytes; Ultralytics scales and pads by itself."""
        del job
        return bgr(picture)

    def batch_key(self, job: Job) -> Hashable:
        """One call has one set of thresholds and classes."""
        return _thresholds(job), tuple(job.params.get("classes") or ())

    def run(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Detect with the thresholds of the batch."""
        job = batch[0].job
        confidence, overlap = _thresholds(job)
        found = detect(
            self.model,
            [one.inputs for one in batch],
            self.place,
            conf=confidence,
            iou=overlap,
            imgsz=SIDE,
            classes=class_numbers(self.model.names, job.params.get("classes")),
        )
        return [Answer(boxes=boxes) for boxes in found]

    def warm(self) -> None:
        """One grey picture, which also fuses the layers."""
        import numpy as np

        detect(self.model, [np.full((64, 64, 3), 114, np.uint8)], self.place, imgsz=SIDE)


def _thresholds(job: Job) -> tuple[float, float]:
    return job.config["confidence_threshold"], job.config["iou_threshold"]


def load(plan: LoadPlan, report: LoadReport) -> YOLO:
    """Open the checkpoint with restricted unpickling."""
    import torch

    from yipyap_core.engines.devices import cores, torch_place

    report.phase(LoadPhase.READING)
    model = open_yolo(Path(plan.files["model"]))
    report.phase(LoadPhase.BUILDING, plan.bytes_total)
    torch.set_num_threads(cores())
    place = torch_place(plan.device)
    info = EngineInfo(
        device=place.device,
        device_reason=place.reason,
        max_batch=MAX_BATCH if place.on_gpu else 1,
        details={"classes": list(model.names.values())},
    )
    return YOLO(model, place, info)


ENGINE = EngineSpec("yolo", AnswerKind.DETECTION, plan, load, environment=ENVIRONMENT)
