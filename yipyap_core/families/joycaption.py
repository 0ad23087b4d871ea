"""JoyCaption beta one: a Llava of SigLIP and Llama 3.1 8B that writes captions."""

from __future__ import annotations

from typing import ClassVar, Literal

from yipyap_core.domain.models import ModelSpec, ModelType
from yipyap_core.families.base import Family, FamilyConfig, setting


class JoyCaptionConfig(FamilyConfig):
    """What kind of caption, how long, how freely sampled."""

    purpose: ClassVar[str] = "Writes captions of many kinds, from prose to lists of tags."

    caption_type: Literal[
        "Descriptive",
        "Descriptive (Casual)",
        "Straightforward",
        "Stable Diffusion Prompt",
        "MidJourney",
        "Danbooru tag list",
        "e621 tag list",
        "Rule34 tag list",
        "Booru-like tag list",
        "Art Critic",
        "Product Listing",
        "Social Media Post",
    ] = setting(
        "Descriptive",
        title="Caption Type",
        help="The kinds of caption that the model was trained to write.",
    )
    caption_length: Literal[
        "any",
        "very short",
        "short",
        "medium-length",
        "long",
        "very long",
        "20",
        "30",
        "40",
        "50",
        "60",
        "70",
        "80",
        "90",
        "100",
        "110",
        "120",
        "130",
        "140",
        "150",
        "160",
        "170",
        "180",
        "190",
        "200",
        "210",
        "220",
        "230",
        "240",
        "250",
        "260",
    ] = setting(
        "long",
        title="Caption Length",
        help="A word, or a number of words; any leaves it to the model.",
        labels={str(words): f"{words} words" for words in range(20, 270, 10)},
    )
    temperature: float = setting(
        0.6,
        title="Temperature",
        help="0 always takes the likeliest word; more is freer.",
        ge=0.0,
        le=2.0,
        step=0.05,
    )
    top_p: float = setting(
        0.9,
        title="Top P",
        help="Share of the probability from which words are drawn.",
        ge=0.01,
        le=1.0,
        step=0.01,
    )
    max_tokens: int = setting(
        512,
        title="Max Tokens",
        help="The caption ends here at the latest.",
        unit="tokens",
        ge=1,
        le=2048,
        step=1,
    )
    precision: Literal["bf16", "int8", "nf4"] = setting(
        "bf16",
        title="Precision",
        help="Number format of the language model: about 17, 10 and 8 GB of GPU memory.",
        labels={"bf16": "BF16", "int8": "INT8", "nf4": "NF4 (4 bit)"},
        needs_reload=True,
    )

    def model_ids(self) -> tuple[str, ...]:
        """The one checkpoint."""
        return ("joycaption",)


FAMILY = Family(
    id="joycaption",
    name="JoyCaption",
    type=ModelType.CAPTION_GENERATOR,
    description="Captions in prose, prompts or tags by a Llama that sees",
    icon="speaker_notes",
    config=JoyCaptionConfig,
    engine="joycaption",
    order=40,
    models=(
        ModelSpec(
            id="joycaption",
            name="JoyCaption Beta One",
            description="Captions of an image by Llama 3.1 8B with a SigLIP eye",
            repo_id="fancyfeast/llama-joycaption-beta-one-hf-llava",
            allow_patterns=("*.json", "*.jinja", "*.safetensors"),
            size_bytes=17_000_000_000,
            license="Llama 3.1 Community License",
        ),
    ),
)
