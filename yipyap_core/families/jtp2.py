"""JTP2: RedRocket's Joint Tagger Project, PILOT2, third epoch."""

from __future__ import annotations

from typing import ClassVar

from yipyap_core.domain.models import ModelSpec, ModelType
from yipyap_core.families.base import Family, FamilyConfig, setting


class JTP2Config(FamilyConfig):
    """What the tagger keeps, and where it finds its files."""

    purpose: ClassVar[str] = "Scores 9083 tags of an image; what passes the threshold is kept."

    threshold: float = setting(
        0.2,
        title="Threshold",
        help="A tag is kept when its score is above this. The publisher starts at 0.2.",
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
    model_path: str = setting(
        "",
        title="Model Path",
        help="A safetensors file on the server. Empty: the file in the HF cache.",
        path="safetensors",
        needs_reload=True,
    )
    tags_path: str = setting(
        "",
        title="Tags Path",
        help="A JSON file on the server, tag to index. Empty: the file in the HF cache.",
        path="tags",
        needs_reload=True,
    )

    def model_ids(self) -> tuple[str, ...]:
        """The one checkpoint."""
        return ("jtp2",)


FAMILY = Family(
    id="jtp2",
    name="JTP2",
    type=ModelType.CAPTION_GENERATOR,
    description="Furry art tagger of the Joint Tagger Project, e621 vocabulary",
    icon="sell",
    config=JTP2Config,
    engine="jtp2",
    order=10,
    models=(
        ModelSpec(
            id="jtp2",
            name="JTP2",
            description="SigLIP so400m with a gated head: e621 tags of an image, with scores",
            repo_id="RedRocket/JointTaggerProject",
            allow_patterns=(
                "JTP_PILOT2/JTP_PILOT2-e3-vit_so400m_patch14_siglip_384.safetensors",
                "JTP_PILOT2/tags.json",
            ),
            size_bytes=1_797_000_000,
            license="Apache-2.0",
        ),
    ),
)
