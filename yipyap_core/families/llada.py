"""LLaDA: a masked diffusion language model that writes block by block."""

from __future__ import annotations

from typing import ClassVar, Literal

from yipyap_core.domain.models import ModelSpec, ModelType
from yipyap_core.families.base import Family, FamilyConfig, setting


class LLaDAConfig(FamilyConfig):
    """Arguments of the denoising loop, with the short cuts of Fast-dLLM."""

    purpose: ClassVar[str] = "Answers in a chat; the whole answer grows out of masks."

    steps: int = setting(
        128,
        title="Steps",
        help="Forward passes for the whole answer; best when equal to Generation Length.",
        unit="steps",
        ge=1,
        le=4096,
        step=1,
    )
    gen_length: int = setting(
        128,
        title="Generation Length",
        help="Length of the answer; a multiple of Block Length.",
        unit="tokens",
        ge=1,
        le=4096,
        step=1,
    )
    block_length: int = setting(
        128,
        title="Block Length",
        help="Blocks are finished from left to right; 32 suits long answers.",
        unit="tokens",
        ge=1,
        le=4096,
        step=1,
    )
    temperature: float = setting(
        0.0,
        title="Temperature",
        help="0 always takes the likeliest token; more is freer.",
        ge=0.0,
        le=2.0,
        step=0.05,
    )
    cfg_scale: float = setting(
        0.0,
        title="Guidance Scale",
        help="Classifier-free guidance; above 0 each step costs two passes.",
        ge=0.0,
        le=10.0,
        step=0.1,
    )
    remasking: Literal["low_confidence", "random"] = setting(
        "low_confidence",
        title="Remasking",
        help="Which positions stay masked for the next step.",
        labels={"low_confidence": "Low confidence", "random": "Random"},
    )
    logits_eos_inf: bool = setting(
        False,
        title="Forbid End Token",
        help="Never chooses the end of the text, so that answers fill their length.",
    )
    confidence_eos_eot_inf: bool = setting(
        False,
        title="End Tokens Last",
        help="End tokens are committed only when nothing else is left.",
    )
    cache: Literal["none", "prefix", "dual"] = setting(
        "none",
        title="Cache",
        help="Fast-dLLM: keeps attention states while a block is written; faster, less exact.",
        labels={"none": "None", "prefix": "Prefix", "dual": "Prefix and suffix"},
    )
    threshold: float | None = setting(
        None,
        title="Parallel Threshold",
        help="Fast-dLLM: commits every token at least this sure at once (0.9 in its paper)."
        " Empty: a fixed number a step.",
        ge=0.01,
        le=1.0,
        step=0.01,
    )

    def model_ids(self) -> tuple[str, ...]:
        """The one checkpoint."""
        return ("llada",)

    def conflicts(self) -> dict[str, str]:
        """Blocks and steps come out even; the caches know no guidance."""
        found: dict[str, str] = {}
        if self.gen_length % self.block_length:
            found["gen_length"] = f"Must be a multiple of Block Length ({self.block_length})."
        elif self.steps % (blocks := self.gen_length // self.block_length):
            found["steps"] = f"Must be a multiple of the number of blocks ({blocks})."
        if self.cfg_scale > 0 and self.cache != "none":
            found["cache"] = "The caches do not work with guidance; set Guidance Scale to 0."
        return found


FAMILY = Family(
    id="llada",
    name="LLaDA",
    type=ModelType.DIFFUSION_LM,
    description="Diffusion language model that chats, its answer visible as it forms",
    icon="grain",
    config=LLaDAConfig,
    engine="llada",
    order=80,
    models=(
        ModelSpec(
            id="llada",
            name="LLaDA 8B Instruct",
            description="Chat by diffusion, 8.0 B parameters",
            repo_id="GSAI-ML/LLaDA-8B-Instruct",
            allow_patterns=("*.json", "*.safetensors", "*.txt", "*.jinja"),
            size_bytes=16_040_000_000,
            license="MIT",
            known_good_commits=("08b83a6feb34df1a6011b80c3c00c7563e963b07",),
        ),
    ),
)
