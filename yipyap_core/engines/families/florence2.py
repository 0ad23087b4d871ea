"""Florence-2 in transformers' native class: captions, text and regions by fifteen tasks."""

from __future__ import annotations

import json
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
from yipyap_core.engines.florence_layout import is_legacy
from yipyap_core.engines.florence_text import boxes_of, plain_text, prompt_of, region_text
from yipyap_core.engines.preprocess import IMAGENET, squash
from yipyap_core.families.base import FamilyConfig

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE, PICTURE_TOKENS, BEAMS = 768, 577, 3
MAX_BATCH = 8


def plan(sources: Sequence[Source], config: FamilyConfig) -> LoadPlan:
    """The snapshot's folder: transformers reads several files of it."""
    values, source = config.model_dump(), sources[0]
    weights = source.one("*.safetensors", "pytorch_model.bin")
    folder = source.one("config.json").parent
    source.one("tokenizer.json")
    return LoadPlan(
        engine="florence2",
        model_ids=(source.model_id,),
        files={"folder": str(folder), "weights": str(weights)},
        options={"precision": values["precision"]},
        device=Device.AUTO if values["use_gpu"] else Device.CPU,
        bytes_total=files_size([weights]),
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What `prepare` makes of a request."""

    pixels: Any
    """(3, 768, 768)."""
    prompt: str


@dataclass(frozen=True, slots=True)
class Florence2:
    """The model in memory."""

    model: Any
    tokenizer: Any
    info: EngineInfo

    def prepare(self, picture: Image, job: Job) -> Question:
        """Squash the picture and word the question."""
        added = str(job.params.get("input") or "")
        if region := job.params.get("region"):
            added = region_text(region, picture.size)
        prompt = prompt_of(_task(job), added)
        return Question(squash(picture, SIDE, IMAGENET, bicubic=True), prompt)

    def batch_key(self, job: Job) -> Hashable:
        """Prompts of one wording have one length, so nothing has to be padded."""
        asked = job.params.get("input"), str(job.params.get("region"))
        return _task(job), asked, job.config["max_tokens"], job.params.get("beams")

    def run(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Generate, then read the text."""
        from yipyap_core.engines.writing import Unwanted

        job = batch[0].job
        texts = self._generate(
            [one.inputs.pixels for one in batch],
            batch[0].inputs.prompt,
            max_new_tokens=job.config["max_tokens"],
            num_beams=int(job.params.get("beams") or BEAMS),
            stopping_criteria=[Unwanted(batch)],
        )
        return [_answer(text, one) for text, one in zip(texts, batch, strict=True)]

    def warm(self) -> None:
        """One token about a grey picture."""
        import numpy as np

        grey = np.zeros((3, SIDE, SIDE), np.float32)
        self._generate([grey], prompt_of("<CAPTION>"), max_new_tokens=2, num_beams=1)

    def _generate(self, pictures: Sequence[Any], prompt: str, **arguments: Any) -> list[str]:
        import numpy as np
        import torch

        ids = self.tokenizer.encode(f"<s>{prompt}</s>", add_special_tokens=False).ids
        whole = [self.model.config.image_token_id] * PICTURE_TOKENS + ids
        device, dtype = self.model.device, self.model.dtype
        tokens = torch.tensor([whole] * len(pictures), device=device)
        written = self.model.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            pixel_values=torch.from_numpy(np.stack(pictures)).to(device, dtype),
            do_sample=False,
            **arguments,
        )
        return [self.tokenizer.decode(row, skip_special_tokens=False) for row in written.tolist()]


def _task(job: Job) -> str:
    return str(job.params.get("task") or job.config["task"])


def _answer(text: str, one: Prepared) -> Answer:
    task = _task(one.job)
    boxes = boxes_of(task, text, one.size)
    plain = plain_text(text)
    caption = ", ".join(box.label for box in boxes if box.label) if boxes else plain
    return Answer(caption, "caption", boxes=boxes, details={"task": task, "raw": plain})


def load(plan: LoadPlan, report: LoadReport) -> Florence2:
    """Choose the layout by config.json; no remote code in either."""
    import torch
    from tokenizers import Tokenizer

    from yipyap_core.engines.devices import cores, torch_place
    from yipyap_core.engines.florence_loading import legacy_model, native_model

    report.phase(LoadPhase.READING)
    torch.set_num_threads(cores())
    place = torch_place(plan.device)
    folder = Path(plan.files["folder"])
    legacy = is_legacy(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    precision = _real_precision(plan.options["precision"], on_gpu=place.on_gpu)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    read = legacy_model if legacy else native_model
    model = read(folder, Path(plan.files["weights"]), precision, tokenizer, report)
    report.phase(LoadPhase.TO_DEVICE, plan.bytes_total)
    model.to(place.device)
    info = EngineInfo(
        device=place.device,
        device_reason=place.reason,
        precision=precision,
        max_batch=MAX_BATCH if place.on_gpu else 1,
        details={"layout": "microsoft" if legacy else "native"},
    )
    return Florence2(model, tokenizer, info)


def _real_precision(wanted: str, *, on_gpu: bool) -> str:
    """A CPU computes 16-bit floats slower than 32-bit ones, to no gain."""
    return wanted if on_gpu or wanted != "fp16" else "fp32"


ENGINE = EngineSpec("florence2", AnswerKind.CAPTION, plan, load)
