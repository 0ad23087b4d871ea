"""WDv3: SmilingWolf's taggers as ONNX graphs, four backbones."""

from __future__ import annotations

from typing import ClassVar, Literal

from yipyap_core.domain.models import ModelSpec, ModelType
from yipyap_core.families.base import Family, FamilyConfig, Preset, setting

CONVNEXTV2_NOTE = (
    "There is no third-generation ConvNeXTv2 tagger: this choice is the second-generation"
    " wd-v1-4-convnextv2-tagger-v2 (ONNX only), with its own list of tags."
)
FILES = ("model.onnx", "selected_tags.csv")


class WDv3Config(FamilyConfig):
    """Which backbone tags, and what passes."""

    purpose: ClassVar[str] = "Scores general and character tags; each kind has its own threshold."

    model_name: Literal["vit", "swinv2", "convnext", "convnextv2"] = setting(
        "vit",
        title="Model Architecture",
        help="Backbone of the tagger.",
        labels={
            "vit": "ViT",
            "swinv2": "SwinV2",
            "convnext": "ConvNeXT",
            "convnextv2": "ConvNeXTv2",
        },
        notes={"convnextv2": CONVNEXTV2_NOTE},
        needs_reload=True,
    )
    gen_threshold: float = setting(
        0.35,
        title="General Threshold",
        help="A general tag is kept when its score is above this.",
        ge=0.0,
        le=1.0,
        step=0.01,
    )
    char_threshold: float = setting(
        0.75,
        title="Character Threshold",
        help="A character's name is kept when its score is above this.",
        ge=0.0,
        le=1.0,
        step=0.01,
    )
    force_cpu: bool = setting(
        False,
        title="Force CPU",
        help="Runs on the processor even where there is a GPU.",
        needs_reload=True,
    )

    def model_ids(self) -> tuple[str, ...]:
        """The checkpoint of the chosen backbone."""
        return (f"wdv3-{self.model_name}",)


def _recommended(model_name: str, label: str, threshold: float) -> Preset:
    return Preset(
        name=f"{label} {threshold:.4f}",
        help=f"{label} with the general threshold at which the publisher measured equal"
        " precision and recall.",
        values={"model_name": model_name, "gen_threshold": threshold},
    )


FAMILY = Family(
    id="wdv3",
    name="WDv3",
    type=ModelType.CAPTION_GENERATOR,
    description="Anime art taggers with Danbooru's vocabulary, four backbones",
    icon="style",
    config=WDv3Config,
    engine="wdv3",
    order=20,
    presets=(
        _recommended("vit", "ViT", 0.2614),
        _recommended("swinv2", "SwinV2", 0.2653),
        _recommended("convnext", "ConvNeXT", 0.2682),
        _recommended("convnextv2", "ConvNeXTv2", 0.3710),
    ),
    models=(
        ModelSpec(
            id="wdv3-vit",
            name="WDv3 ViT",
            description="Danbooru tags of an image by a vision transformer",
            repo_id="SmilingWolf/wd-vit-tagger-v3",
            allow_patterns=FILES,
            size_bytes=379_308_000,
            license="Apache-2.0",
            known_good_commits=("7f6b584d0bd3f55c4531f14ba3d4761b2bccdc0f",),
        ),
        ModelSpec(
            id="wdv3-swinv2",
            name="WDv3 SwinV2",
            description="Danbooru tags of an image by a shifted-window transformer",
            repo_id="SmilingWolf/wd-swinv2-tagger-v3",
            allow_patterns=FILES,
            size_bytes=467_308_000,
            license="Apache-2.0",
            known_good_commits=("805ca9892b4fdfbe3f06f9de3f0a07b3da8637ed",),
        ),
        ModelSpec(
            id="wdv3-convnext",
            name="WDv3 ConvNeXT",
            description="Danbooru tags of an image by a convolutional network",
            repo_id="SmilingWolf/wd-convnext-tagger-v3",
            allow_patterns=FILES,
            size_bytes=395_308_000,
            license="Apache-2.0",
            known_good_commits=("d39e46de298d27340111b64965e20b8185c407e6",),
        ),
        ModelSpec(
            id="wdv3-convnextv2",
            name="WDv3 ConvNeXTv2 (v2 tags)",
            description="Danbooru tags of an image by the second-generation ConvNeXTv2 tagger",
            repo_id="SmilingWolf/wd-v1-4-convnextv2-tagger-v2",
            allow_patterns=FILES,
            size_bytes=390_000_000,  # its siblings' size: the hub's figure was never seen
            license="Apache-2.0",
            note=CONVNEXTV2_NOTE,
        ),
    ),
)
