"""JoyCaption: captions by Llama 3.1 8B with a SigLIP eye, written out as they come."""

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
from yipyap_core.engines.joycaption_prompts import prompt_for
from yipyap_core.engines.preprocess import HALF, squash
from yipyap_core.families.base import FamilyConfig

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 384
MAX_BATCH = 8


def plan(sources: Sequence[Source], config: FamilyConfig) -> LoadPlan:
    """The snapshot's folder: several shards, the tokenizer and the settings."""
    source = sources[0]
    weights = [path for name, path in source.files.items() if name.endswith(".safetensors")]
    source.one("*.safetensors")
    source.one("tokenizer.json")
    return LoadPlan(
        engine="joycaption",
        model_ids=(source.model_id,),
        files={"folder": str(source.one("config.json").parent)},
        options={"precision": config.model_dump()["precision"]},
        device=Device.AUTO,
        bytes_total=files_size(weights),
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What `prepare` makes of a request."""

    pixels: Any
    """(3, 384, 384)."""
    prompt: str


@dataclass(frozen=True, slots=True)
class JoyCaption:
    """The model in memory."""

    model: Any
    tokenizer: Any
    info: EngineInfo

    def prepare(self, picture: Image, job: Job) -> Question:
        """Squash the picture, aspect not kept, and choose the prompt."""
        prompt = str(job.params.get("prompt") or "") or prompt_for(
            job.config["caption_type"],
            job.config["caption_length"],
            job.params.get("extras") or (),
            str(job.params.get("name") or ""),
        )
        return Question(squash(picture, SIDE, HALF, bicubic=False), prompt)

    def batch_key(self, job: Job) -> Hashable:
        """Text that is streamed is written alone; else one sampling for one batch."""
        settings = (job.config["temperature"], job.config["top_p"], job.config["max_tokens"])
        return id(job) if job.params.get("stream") else settings

    def run(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Write until the end, the limit, or nobody wants it any more."""
        from yipyap_core.engines.writing import Telling, Unwanted

        job = batch[0].job
        telling = Telling(self.tokenizer, job.emit) if job.params.get("stream") else None
        texts = self._generate(
            [one.inputs for one in batch],
            **sampling(job.config["temperature"], job.config["top_p"]),
            max_new_tokens=job.config["max_tokens"],
            stopping_criteria=[Unwanted(batch)],
            streamer=telling,
        )
        return [
            Answer(text, "caption", details={"prompt": one.inputs.prompt})
            for text, one in zip(texts, batch, strict=True)
        ]

    def warm(self) -> None:
        """One token about a grey picture."""
        import numpy as np

        grey = Question(np.zeros((3, SIDE, SIDE), np.float32), "Write.")
        self._generate([grey], do_sample=False, max_new_tokens=1)

    def _generate(self, questions: Sequence[Question], **arguments: Any) -> list[str]:
        import numpy as np
        import torch

        from yipyap_core.engines.writing import left_padded, words_and_picture

        rows = [words_and_picture(self.tokenizer, self.model.config, one) for one in questions]
        tokens, mask = left_padded(rows, self.tokenizer.pad_token_id)
        device = self.model.device
        pixels = torch.from_numpy(np.stack([one.pixels for one in questions]))
        vision = self.model.model.vision_tower
        written = self.model.generate(
            input_ids=tokens.to(device),
            attention_mask=mask.to(device),
            pixel_values=pixels.to(device, vision.dtype),
            suppress_tokens=None,
            use_cache=True,
            **arguments,
        )
        new = written[:, tokens.shape[1] :]
        return [text.strip() for text in self.tokenizer.batch_decode(new, skip_special_tokens=True)]


def sampling(temperature: float, top_p: float) -> dict[str, Any]:
    """Arguments of generate: zero always takes the likeliest word."""
    if temperature <= 0:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    return {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": None}


def load(plan: LoadPlan, report: LoadReport) -> JoyCaption:
    """Read with transformers; quantized where the settings say so."""
    import torch

    from yipyap_core.engines.devices import cores, torch_place
    from yipyap_core.engines.writing import read_llava, read_tokenizer

    report.phase(LoadPhase.READING)
    torch.set_num_threads(cores())
    place = torch_place(plan.device)
    folder, precision = Path(plan.files["folder"]), plan.options["precision"]
    tokenizer = read_tokenizer(folder)
    report.phase(LoadPhase.BUILDING)
    model = read_llava(folder, precision, place)
    report.phase(LoadPhase.TO_DEVICE, plan.bytes_total)
    info = EngineInfo(
        device=place.device,
        device_reason=place.reason,
        precision=precision,
        max_batch=MAX_BATCH if place.on_gpu else 1,
    )
    return JoyCaption(model, tokenizer, info)


ENGINE = EngineSpec("joycaption", AnswerKind.CAPTION, plan, load, falls_back_to_cpu=False)
