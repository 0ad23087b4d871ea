"""JTP2: 9083 e621 tags by SigLIP so400m; PILOT2's gated head and PILOT1's plain one."""

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
from yipyap_core.engines.preprocess import fit_on_grey
from yipyap_core.engines.tags import TagList, above, read_tag_index
from yipyap_core.errors import CheckpointRejected
from yipyap_core.families.base import FamilyConfig

if TYPE_CHECKING:
    from PIL.Image import Image

    from yipyap_core.engines.networks.siglip import Shape

TOP = 250
"""The publisher's code never says more tags."""
MAX_BATCH = 32


def plan(sources: Sequence[Source], config: FamilyConfig) -> LoadPlan:
    """The configured files, else those of the cache."""
    values = config.model_dump()
    source = sources[0]
    model = _chosen(values["model_path"], source, "*JTP_PILOT2/*.safetensors", "*.safetensors")
    tags = _chosen(values["tags_path"], source, "*JTP_PILOT2/tags.json", "*tags.json")
    return LoadPlan(
        engine="jtp2",
        model_ids=(source.model_id,),
        files={"model": str(model), "tags": str(tags)},
        device=Device.CPU if values["force_cpu"] else Device.AUTO,
        bytes_total=files_size([model]),
    )


def _chosen(configured: str, source: Source, *patterns: str) -> Path:
    if not configured:
        return source.one(*patterns)
    path = Path(configured).expanduser()
    if not path.is_file():
        raise CheckpointRejected(f"There is no file {path.name} at the configured path.")
    return path


@dataclass(frozen=True, slots=True)
class JTP2:
    """The tagger in memory."""

    network: Any
    tags: TagList
    info: EngineInfo
    side: int

    def prepare(self, picture: Image, job: Job) -> Any:
        """(3, side, side); the settings do not matter yet."""
        del job
        return fit_on_grey(picture, self.side)

    def batch_key(self, job: Job) -> Hashable:
        """All requests may share a batch: thresholds come after the model."""
        del job
        return None

    def run(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Score, then let each request's own threshold decide."""
        scores = self._scores([one.inputs for one in batch])
        return [self._answer(row, one) for row, one in zip(scores, batch, strict=True)]

    def warm(self) -> None:
        """One grey picture."""
        import numpy as np

        self._scores([np.zeros((3, self.side, self.side), np.float32)])

    def _scores(self, pictures: Sequence[Any]) -> Any:
        import numpy as np
        import torch

        weight = self.network.patch_embed.proj.weight
        stacked = torch.from_numpy(np.stack(pictures)).to(weight.device, weight.dtype)
        return self.network(stacked).cpu().numpy()

    def _answer(self, scores: Any, one: Prepared) -> Answer:
        tags = above(scores, self.tags, None, one.job.config["threshold"], top=TOP)
        return Answer(", ".join(tag.name for tag in tags), "tags", tags)


def load(plan: LoadPlan, report: LoadReport) -> JTP2:
    """Read the tensors and build the network that they describe."""
    import torch

    from yipyap_core.engines.devices import cores, quick_precision, torch_place
    from yipyap_core.engines.networks.siglip import SiglipTagger
    from yipyap_core.engines.weights import adopt, read_safetensors

    tags = read_tag_index(Path(plan.files["tags"]))
    place = torch_place(plan.device)
    precision = quick_precision(place, plan.bytes_total, plan.cpu_precision)
    torch.set_num_threads(cores())
    path = Path(plan.files["model"])
    tensors = read_safetensors(path, report, place, precision)
    report.phase(LoadPhase.BUILDING, plan.bytes_total)
    shape = recognized(tensors, len(tags), path.name)
    with torch.device("meta"):
        network = SiglipTagger(shape)
    adopt(network, tensors, path.name)
    return JTP2(network, tags, _info(place, precision, shape, len(tags)), shape.picture)


def _info(place: Any, precision: str, shape: Shape, count: int) -> EngineInfo:
    return EngineInfo(
        device=place.device,
        device_reason=place.reason,
        precision=precision,
        max_batch=MAX_BATCH if place.on_gpu else 1,
        details={"head": "PILOT2, gated" if shape.gated else "PILOT1, plain", "tags": count},
    )


def recognized(tensors: Any, tags: int, name: str) -> Shape:
    """Tell PILOT2 from PILOT1 by the head; raises `CheckpointRejected` for anything else."""
    from yipyap_core.engines.networks.siglip import Shape

    try:
        shape = Shape.of(tensors)
    except (KeyError, IndexError) as error:
        raise CheckpointRejected(
            f"{name} is no Joint Tagger: it has no tensor {error.args[0]!r}."
        ) from error
    expected = 2 * tags if shape.gated else tags
    if shape.outputs != expected:
        raise CheckpointRejected(
            f"{name} has {shape.outputs} outputs, and the list has {tags} tags, which needs"
            f" {expected}: the two files do not belong together."
        )
    return shape


ENGINE = EngineSpec("jtp2", AnswerKind.CAPTION, plan, load)
