"""Florence-2 as transformers knows it natively: the community's conversion, no remote code."""

from __future__ import annotations

from typing import ClassVar, Literal

from yipyap_core.domain.models import ModelSpec, ModelType
from yipyap_core.families.base import Family, FamilyConfig, setting

FILES = ("*.json", "*.safetensors", "*.txt")
NOTE = (
    "The same weights as Microsoft's repository, converted for the native class of transformers:"
    " Microsoft's own needs remote code, which is never run here."
)


class Florence2Config(FamilyConfig):
    """Which variant answers, how long, and on what."""

    purpose: ClassVar[str] = "Describes an image, reads its text or finds what is in it."

    model_variant: Literal["base", "base-ft", "large", "large-ft"] = setting(
        "large",
        title="Model Variant",
        help="Size of the model; the ft variants are fine-tuned on further tasks.",
        labels={
            "base": "Base",
            "base-ft": "Base, fine-tuned",
            "large": "Large",
            "large-ft": "Large, fine-tuned",
        },
        needs_reload=True,
    )
    max_tokens: int = setting(
        256,
        title="Max Tokens",
        help="The answer ends here at the latest.",
        unit="tokens",
        ge=1,
        le=512,
        step=1,
    )
    use_gpu: bool = setting(
        True,
        title="Use GPU",
        help="Runs on the GPU where there is one.",
        needs_reload=True,
    )
    precision: Literal["fp16", "fp32", "bf16"] = setting(
        "fp16",
        title="Precision",
        help="Number format of the weights; a CPU is faster with FP32.",
        labels={"fp16": "FP16", "fp32": "FP32", "bf16": "BF16"},
        needs_reload=True,
    )
    task: Literal[
        "<CAPTION>",
        "<DETAILED_CAPTION>",
        "<MORE_DETAILED_CAPTION>",
        "<OCR>",
        "<OCR_WITH_REGION>",
        "<OD>",
        "<DENSE_REGION_CAPTION>",
        "<REGION_PROPOSAL>",
    ] = setting(
        "<MORE_DETAILED_CAPTION>",
        title="Task",
        help="What the model is asked to do with the image.",
        labels={
            "<CAPTION>": "Caption",
            "<DETAILED_CAPTION>": "Detailed caption",
            "<MORE_DETAILED_CAPTION>": "More detailed caption",
            "<OCR>": "Text in the image",
            "<OCR_WITH_REGION>": "Text with its regions",
            "<OD>": "Objects",
            "<DENSE_REGION_CAPTION>": "Regions with captions",
            "<REGION_PROPOSAL>": "Regions",
        },
    )

    def model_ids(self) -> tuple[str, ...]:
        """The checkpoint of the chosen variant."""
        return (f"florence2-{self.model_variant}",)


def _variant(
    variant: str, name: str, description: str, size_bytes: int, *commits: str
) -> ModelSpec:
    return ModelSpec(
        id=f"florence2-{variant}",
        name=f"Florence-2 {name}",
        description=description,
        repo_id=f"florence-community/Florence-2-{variant}",
        allow_patterns=FILES,
        size_bytes=size_bytes,
        license="MIT",
        known_good_commits=commits,
        note=NOTE,
    )


FAMILY = Family(
    id="florence2",
    name="Florence2",
    type=ModelType.CAPTION_GENERATOR,
    description="One model for captions, text in images, objects and regions",
    icon="image_search",
    config=Florence2Config,
    engine="florence2",
    order=30,
    models=(
        _variant("base", "base", "Captions, text and objects; 0.23 B parameters", 469_000_000),
        _variant("base-ft", "base-ft", "The base model, fine-tuned on further tasks", 469_000_000),
        _variant(
            "large",
            "large",
            "Captions, text and objects; 0.77 B parameters",
            1_558_929_750,
            "4271c66b88cdbc05735372ec13b2360108de5317",
        ),
        _variant(
            "large-ft", "large-ft", "The large model, fine-tuned on further tasks", 1_558_929_750
        ),
    ),
)
