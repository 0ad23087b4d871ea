"""DreamOn: a diffusion language model that fills gaps of unknown length."""

from __future__ import annotations

from typing import ClassVar, Literal

from yipyap_core.domain.models import ModelSpec, ModelType
from yipyap_core.families.base import Family, FamilyConfig, setting


class DreamOnConfig(FamilyConfig):
    """Arguments of the denoising loop."""

    purpose: ClassVar[str] = "Fills a gap between a prefix and a suffix; the gap finds its length."

    initial_masks: int = setting(
        4,
        title="Initial Masks",
        help="Length of the gap at the start; it grows and shrinks by itself. Start small.",
        unit="tokens",
        ge=1,
        le=64,
        step=1,
    )
    max_new_tokens: int = setting(
        64,
        title="Max New Tokens",
        help="Length that the gap may grow to.",
        unit="tokens",
        ge=1,
        le=1024,
        step=1,
    )
    temperature: float = setting(
        0.2,
        title="Temperature",
        help="0 always takes the likeliest token; more is freer.",
        ge=0.0,
        le=2.0,
        step=0.05,
    )
    top_p: float | None = setting(
        0.9,
        title="Top P",
        help="Share of the probability from which tokens are drawn. Empty: all of it.",
        ge=0.01,
        le=1.0,
        step=0.01,
    )
    top_k: int | None = setting(
        None,
        title="Top K",
        help="How many of the likeliest tokens are drawn from. Empty: all of them.",
        unit="tokens",
        ge=1,
        le=1000,
        step=1,
    )
    alg: Literal["entropy", "maskgit_plus", "topk_margin"] = setting(
        "entropy",
        title="Algorithm",
        help="How the surest positions are found, which are filled first.",
        labels={
            "entropy": "Entropy",
            "maskgit_plus": "Probability (MaskGIT plus)",
            "topk_margin": "Margin of the best two",
        },
    )
    alg_temp: float = setting(
        0.0,
        title="Algorithm Temperature",
        help="Randomness of the order in which positions are filled; 0: always the surest.",
        ge=0.0,
        le=10.0,
        step=0.1,
    )
    number_transfer_tokens: int = setting(
        1,
        title="Tokens per Step",
        help="How many positions each step fills; more is faster and less exact.",
        unit="tokens",
        ge=1,
        le=64,
        step=1,
    )
    expand_budget: int | None = setting(
        None,
        title="Expand Budget",
        help="How often the gap may grow. Empty: twice the longest length.",
        ge=0,
        le=2048,
        step=1,
    )
    pad_delete_to_right: bool = setting(
        False,
        title="Delete to the Right",
        help="The first deleted token also deletes every open position after it.",
    )

    def model_ids(self) -> tuple[str, ...]:
        """The one checkpoint."""
        return ("dreamon",)

    def conflicts(self) -> dict[str, str]:
        """The gap starts no longer than it may become."""
        if self.max_new_tokens >= self.initial_masks:
            return {}
        return {"max_new_tokens": f"Must be at least Initial Masks ({self.initial_masks})."}


FAMILY = Family(
    id="dreamon",
    name="DreamOn",
    type=ModelType.DIFFUSION_LM,
    description="Diffusion language model that fills gaps in text and code",
    icon="blur_on",
    config=DreamOnConfig,
    engine="dreamon",
    order=70,
    models=(
        ModelSpec(
            id="dreamon",
            name="DreamOn v0 7B",
            description="Infilling of text and code by diffusion, 7.6 B parameters",
            repo_id="Dream-org/DreamOn-v0-7B",
            allow_patterns=("*.json", "*.safetensors", "*.txt", "*.jinja"),
            size_bytes=15_242_000_000,
            license="Apache-2.0",
            known_good_commits=("8ccc74750e43177327f29dab9e91882ba759e194",),
        ),
    ),
)
