"""Watermarks: YOLO11x draws boxes, an OWLv2 classifier judges the whole; both make the verdict."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yipyap_core.domain.engines import (
    Answer,
    AnswerKind,
    Box,
    Device,
    EngineInfo,
    LoadPhase,
    LoadPlan,
    Verdict,
)
from yipyap_core.engines.base import EngineSpec, Job, LoadReport, Prepared, Source, files_size
from yipyap_core.engines.devices import Place
from yipyap_core.engines.preprocess import bgr, corner_on_grey
from yipyap_core.engines.ultralytics_models import ENVIRONMENT, detect, open_yolo
from yipyap_core.errors import CheckpointRejected, NotDownloaded
from yipyap_core.families.base import FamilyConfig

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 1024
OVERLAP = 0.5
POSSIBLE_BOX, POSSIBLE_PICTURE = 0.25, 0.4
"""From here on a watermark is possible, whatever the thresholds for certain ones are."""
YOLO_FILE, OWL_FILE = "yolo*.pt", "far5y1y5*.pt"


def plan(sources: Sequence[Source], config: FamilyConfig) -> LoadPlan:
    """One file or both, by the backend; each may come from either source."""
    backend = config.model_dump()["backend"]
    patterns = {"yolo": YOLO_FILE, "owlv2": OWL_FILE}
    wanted = {name: at for name, at in patterns.items() if backend in {name, "both"}}
    files = {name: _found(sources, pattern) for name, pattern in wanted.items()}
    return LoadPlan(
        engine="watermark",
        model_ids=tuple(source.model_id for source in sources),
        files={name: str(path) for name, path in files.items()},
        device=Device.AUTO,
        bytes_total=files_size([*files.values()]),
    )


def _found(sources: Sequence[Source], pattern: str) -> Path:
    for source in sources:
        if path := source.find(pattern):
            return path
    names = " and ".join(source.model_id for source in sources)
    raise NotDownloaded(f"{names}: {pattern} is not downloaded.")


@dataclass(frozen=True, slots=True)
class Watermark:
    """Whichever of the two models are loaded."""

    yolo: Any
    owl: Any
    owl_side: int
    place: Place
    info: EngineInfo

    def prepare(self, picture: Image, job: Job) -> tuple[Any, Any]:
        """BGR bytes for the one, a normalized square for the other."""
        del job
        owl = None if self.owl is None else corner_on_grey(picture, self.owl_side)
        return (None if self.yolo is None else bgr(picture)), owl

    def batch_key(self, job: Job) -> Hashable:
        """Thresholds come after both models."""
        del job
        return None

    def run(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Ask both, then let each request's thresholds decide."""
        boxes = self._boxes([one.inputs[0] for one in batch])
        scores = self._scores([one.inputs[1] for one in batch])
        return [
            combined(found, score, one.job.config)
            for found, score, one in zip(boxes, scores, batch, strict=True)
        ]

    def warm(self) -> None:
        """One grey picture through both."""
        import numpy as np

        self._boxes([np.full((64, 64, 3), 114, np.uint8)])
        self._scores([np.zeros((3, self.owl_side, self.owl_side), np.float32)])

    def _boxes(self, pictures: Sequence[Any]) -> list[tuple[Box, ...] | None]:
        """As the publisher runs it: 1024 pixels, three scales."""
        if self.yolo is None:
            return [None] * len(pictures)
        return [
            found
            for picture in pictures
            for found in detect(
                self.yolo, [picture], self.place, conf=0.01, iou=OVERLAP, imgsz=SIDE, augment=True
            )
        ]

    def _scores(self, pictures: Sequence[Any]) -> list[float | None]:
        import numpy as np
        import torch

        if self.owl is None:
            return [None] * len(pictures)
        stacked = torch.from_numpy(np.stack(pictures)).to(self.place.device)
        with self._autocast():
            return [float(score) for score in self.owl(stacked)]

    def _autocast(self) -> AbstractContextManager[Any]:
        """bfloat16 on the GPU as the publisher does; exact on the CPU."""
        import torch

        return torch.autocast("cuda", torch.bfloat16) if self.place.on_gpu else nullcontext()


def combined(boxes: Sequence[Box] | None, score: float | None, config: Mapping[str, Any]) -> Answer:
    """Watermarked when either model is sure; possible when either comes near."""
    sure_box, sure_picture = config["yolo_threshold"], config["owlv2_threshold"]
    found = tuple(box for box in boxes or () if (box.score or 0.0) >= sure_box)
    best = None if boxes is None else max((box.score or 0.0 for box in boxes), default=0.0)
    yes = bool(found) or (score is not None and score >= sure_picture)
    near = (best or 0.0) >= min(POSSIBLE_BOX, sure_box) and best is not None
    near = near or (score is not None and score >= min(POSSIBLE_PICTURE, sure_picture))
    level = "yes" if yes else "possible" if near else "no"
    return Answer(boxes=found, verdict=Verdict(yes, level, best, score))


def load(plan: LoadPlan, report: LoadReport) -> Watermark:
    """Open what the plan names."""
    import torch

    from yipyap_core.engines.devices import cores, torch_place

    report.phase(LoadPhase.READING)
    torch.set_num_threads(cores())
    place = torch_place(plan.device)
    yolo = open_yolo(Path(plan.files["yolo"])) if "yolo" in plan.files else None
    report.phase(LoadPhase.BUILDING, plan.bytes_total)
    owl, side = _classifier(Path(plan.files["owlv2"])) if "owlv2" in plan.files else (None, 32)
    report.phase(LoadPhase.TO_DEVICE, plan.bytes_total)
    if owl is not None:
        owl.to(place.device)
    info = EngineInfo(
        device=place.device,
        device_reason=place.reason,
        precision="bf16" if place.on_gpu else "fp32",
        max_batch=4 if place.on_gpu else 1,
        details={"models": sorted(plan.files)},
    )
    return Watermark(yolo, owl, side, place, info)


def _classifier(path: Path) -> tuple[Any, int]:
    """The network that the file describes, and the side of its pictures."""
    import torch

    from yipyap_core.engines.networks.owl import Shape, WatermarkClassifier
    from yipyap_core.engines.weights import adopt, read_pickle

    tensors = {
        name: value for name, value in read_pickle(path).items() if "position_ids" not in name
    }
    try:
        shape = Shape.of(tensors)
    except (KeyError, AttributeError) as error:
        raise CheckpointRejected(f"{path.name} is no watermark classifier: {error}.") from error
    with torch.device("meta"):
        network = WatermarkClassifier(shape)
    adopt(network, tensors, path.name)
    return network.float(), shape.picture


ENGINE = EngineSpec("watermark", AnswerKind.DETECTION, plan, load, environment=ENVIRONMENT)
