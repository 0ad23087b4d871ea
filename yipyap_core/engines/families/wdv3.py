"""WDv3: Danbooru tags as ONNX graphs, or the same weights through timm where there is no ONNX."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yipyap_core.domain.engines import (
    Answer,
    AnswerKind,
    CpuPrecision,
    Device,
    EngineInfo,
    LoadPhase,
    LoadPlan,
    Tag,
)
from yipyap_core.engines.base import EngineSpec, Job, LoadReport, Prepared, Source, files_size
from yipyap_core.engines.preprocess import HALF, square_normalized, square_on_white
from yipyap_core.engines.tags import CHARACTER_FLOOR, TagList, above, mcut, read_selected_tags
from yipyap_core.errors import CheckpointRejected
from yipyap_core.families.base import FamilyConfig

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 448
MAX_BATCH = 16


def plan(sources: Sequence[Source], config: FamilyConfig) -> LoadPlan:
    """The ONNX graph; the safetensors with its config.json when there is no graph."""
    source = sources[0]
    graph = source.find("model.onnx", "*.onnx")
    if graph is None and source.find("model.safetensors"):
        files = {"weights": source.one("model.safetensors"), "config": source.one("config.json")}
    else:
        files = {"graph": source.one("model.onnx", "*.onnx")}
    files["tags"] = source.one("selected_tags.csv")
    return LoadPlan(
        engine="wdv3",
        model_ids=(source.model_id,),
        files={name: str(path) for name, path in files.items()},
        device=Device.CPU if config.model_dump()["force_cpu"] else Device.AUTO,
        bytes_total=files_size([*files.values()]),
    )


@dataclass(frozen=True, slots=True)
class WDv3:
    """The tagger in memory; `score` takes a batch and gives probabilities."""

    score: Callable[[Any], Any]
    shape: Callable[[Image], Any]
    tags: TagList
    info: EngineInfo
    blank: Any
    """A picture of zeros, to warm up with."""

    def prepare(self, picture: Image, job: Job) -> Any:
        """As the runtime wants it; the settings do not matter yet."""
        del job
        return self.shape(picture)

    def batch_key(self, job: Job) -> Hashable:
        """All requests may share a batch: thresholds come after the model."""
        del job
        return None

    def run(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Score, then let each request's own thresholds decide."""
        import numpy as np

        scores = self.score(np.stack([one.inputs for one in batch]))
        return [
            answer(row, self.tags, one.job.config, one.job.params)
            for row, one in zip(scores, batch, strict=True)
        ]

    def warm(self) -> None:
        """One black picture."""
        self.score(self.blank[None])


def answer(
    scores: Any, tags: TagList, config: Mapping[str, Any], params: Mapping[str, Any]
) -> Answer:
    """General tags, then characters, each best first; ratings apart."""
    general = _passed(scores, tags, "general", config["gen_threshold"], params)
    characters = _passed(scores, tags, "character", config["char_threshold"], params)
    kept = general + characters
    ratings = {tags.names[at]: float(scores[at]) for at in tags.of("rating")}
    return Answer(
        caption=", ".join(tag.name for tag in kept),
        caption_type="tags",
        tags=kept,
        details={"ratings": ratings},
    )


def _passed(
    scores: Any, tags: TagList, category: str, threshold: float, params: Mapping[str, Any]
) -> tuple[Tag, ...]:
    places = tags.of(category)
    if params.get("mcut") and places:
        threshold = mcut(scores[list(places)])
        if category == "character":
            threshold = max(CHARACTER_FLOOR, threshold)
    return above(scores, tags, places, threshold)


def load(plan: LoadPlan, report: LoadReport) -> WDv3:
    """Choose the runtime by the files."""
    tags = read_selected_tags(Path(plan.files["tags"]))
    engine = _load_graph if "graph" in plan.files else _load_weights
    return engine(plan, report, tags)


def _load_graph(plan: LoadPlan, report: LoadReport, tags: TagList) -> WDv3:
    import numpy as np

    from yipyap_core.engines.onnx import open_onnx

    report.phase(LoadPhase.BUILDING)
    path = Path(plan.files["graph"])
    model = open_onnx(path, plan.device, quick=plan.cpu_precision is CpuPrecision.QUICK)
    _, height, width, _ = model.input_shape
    side = height if isinstance(height, int) and height == width else SIDE
    blank = np.zeros((side, side, 3), np.float32)
    outputs = model.output_shape[-1]
    if not isinstance(outputs, int):
        outputs = model.run(blank[None]).shape[1]
    _check_outputs(outputs, tags, path)
    batch = MAX_BATCH if model.place.on_gpu and not isinstance(model.input_shape[0], int) else 1
    details: dict[str, Any] = {"runtime": "onnxruntime", "tags": len(tags)}
    if model.precision_reason:
        details["precision_reason"] = model.precision_reason
    info = EngineInfo(
        device=model.place.device,
        device_reason=model.place.reason,
        precision=model.precision,
        provider=model.provider,
        max_batch=batch,
        details=details,
    )
    return WDv3(model.run, partial(square_on_white, size=side), tags, info, blank)


def _load_weights(plan: LoadPlan, report: LoadReport, tags: TagList) -> WDv3:
    """The network that config.json names, in timm; its head gives logits."""
    import numpy as np
    import torch

    from yipyap_core.engines.devices import cores, torch_place

    config = json.loads(Path(plan.files["config"]).read_text(encoding="utf-8"))
    torch.set_num_threads(cores())
    place = torch_place(plan.device)
    network = _network(config, plan, report, place).to(place.device)
    _check_outputs(network.num_classes, tags, Path(plan.files["weights"]))
    picture = config.get("pretrained_cfg", {})
    side = int(picture.get("input_size", (3, SIDE, SIDE))[-1])
    mean, deviation = picture.get("mean", HALF[0]), picture.get("std", HALF[1])

    def score(values: Any) -> Any:
        pictures = torch.from_numpy(values).to(place.device)
        return network(pictures).sigmoid().float().cpu().numpy()

    info = EngineInfo(
        device=place.device,
        device_reason=place.reason,
        max_batch=MAX_BATCH if place.on_gpu else 1,
        details={"runtime": "timm", "tags": len(tags)},
    )
    blank = np.zeros((3, side, side), np.float32)
    shape = partial(square_normalized, size=side, mean=mean, deviation=deviation)
    return WDv3(score, shape, tags, info, blank)


def _network(config: Mapping[str, Any], plan: LoadPlan, report: LoadReport, place: Any) -> Any:
    import timm

    from yipyap_core.engines.weights import adopt, read_safetensors

    path = Path(plan.files["weights"])
    tensors = read_safetensors(path, report, place, "fp32")
    report.phase(LoadPhase.BUILDING, plan.bytes_total)
    try:
        network = timm.create_model(
            config["architecture"],
            pretrained=False,
            num_classes=config["num_classes"],
            **config.get("model_args", {}),
        )
    except (KeyError, RuntimeError, TypeError) as error:
        raise CheckpointRejected(f"timm cannot build what config.json names: {error}") from error
    adopt(network, tensors, path.name)
    return network


def _check_outputs(outputs: int, tags: TagList, path: Path) -> None:
    if outputs != len(tags):
        raise CheckpointRejected(
            f"{path.name} has {outputs} outputs and its list {len(tags)} tags:"
            " the two files do not belong together."
        )


ENGINE = EngineSpec("wdv3", AnswerKind.CAPTION, plan, load, base_bytes=200_000_000)
