"""Microsoft's own layout of Florence-2, read into the native class without its remote code.

Names as in the published conversion of the same weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

RENAMES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(old), new)
    for old, new in (
        (r"^vision_tower\.convs\.(\d+)\.proj\.", r"model.vision_tower.convs.\1.conv."),
        (r"^vision_tower\.", "model.vision_tower."),
        (r"\.conv([12])\.fn\.dw\.", r".conv\1."),
        (r"\.(window_attn|channel_attn)\.norm\.", ".norm1."),
        (r"\.(window_attn|channel_attn)\.fn\.", r".\1."),
        (r"\.ffn\.norm\.", ".norm2."),
        (r"\.ffn\.fn\.net\.", ".ffn."),
        (r"^image_projection$", "model.multi_modal_projector.image_projection.weight"),
        (r"^image_proj_norm\.", "model.multi_modal_projector.image_proj_norm."),
        (r"^image_pos_embed\.", "model.multi_modal_projector.image_position_embed."),
        (r"^visual_temporal_embed\.", "model.multi_modal_projector.visual_temporal_embed."),
        (r"^language_model\.model\.", "model.language_model."),
    )
)
DROPPED = frozenset({"language_model.final_logits_bias"})
TRANSPOSED = "image_projection"
SHARED = "model.language_model.shared.weight"
COPIES = (
    "model.language_model.encoder.embed_tokens.weight",
    "model.language_model.decoder.embed_tokens.weight",
    "lm_head.weight",
)
MARKS = ("od", "ocr")
LATER_MARKS = ("cap", "ncap", "dcap", "grounding", "seg")
REGION_MARKS = ("region_cap", "region_to_desciption", "proposal", "poly")  # sic


def is_legacy(config: Mapping[str, Any]) -> bool:
    """Tell Microsoft's layout by a key that the native one does not have."""
    return "dim_embed" in config.get("vision_config", {})


def native_name(name: str) -> str:
    """One tensor's name in the native layout."""
    for old, new in RENAMES:
        name = old.sub(new, name)
    return name


def native_config(config: Mapping[str, Any], vocabulary: int) -> dict[str, Any]:
    """The settings that the native class takes; one token more, for the picture."""
    vision = dict(config["vision_config"])
    vision["embed_dim"] = vision.pop("dim_embed")
    temporal = vision.pop("visual_temporal_embedding", {})
    vision["max_temporal_embeddings"] = temporal.get("max_temporal_embeddings", 100)
    position = vision.pop("image_pos_embed", {})
    vision["max_position_embeddings"] = position.get("max_pos_embeddings", 50)
    for name in ("model_type", "image_feature_source", "enable_checkpoint"):
        vision.pop(name, None)
    text = {**config["text_config"], "model_type": "bart", "vocab_size": vocabulary + 1}
    return {"vision_config": vision, "text_config": text, "image_token_id": vocabulary}


def extra_tokens() -> list[str]:
    """What Microsoft's processor adds to BART's vocabulary, in its order: 1024 of them."""
    tokens = [text for mark in MARKS for text in (f"<{mark}>", f"</{mark}>")]
    tokens += [f"<loc_{at}>" for at in range(1000)]
    tokens += [text for mark in LATER_MARKS for text in (f"<{mark}>", f"</{mark}>")]
    tokens += ["<sep>"]
    tokens += [text for mark in REGION_MARKS for text in (f"<{mark}>", f"</{mark}>")]
    return [*tokens, "<and>"]
