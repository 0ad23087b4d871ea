"""Florence-2 twice with the same weights: the community's conversion and Microsoft's own layout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.standins.tiny_models.tensors import Array, random_tensors, safetensors
from tests.standins.tiny_models.vocabulary import as_json, byte_level, with_tokens

SHAPES = Path(__file__).with_name("shapes") / "florence2.json"
BART_SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")
BASE_TOKENS = 420
SHARED = "model.language_model.shared.weight"
VISION = {
    "depths": [1, 1, 1, 1],
    "patch_size": [7, 3, 3, 3],
    "patch_stride": [4, 2, 2, 2],
    "patch_padding": [3, 1, 1, 1],
    "patch_prenorm": [False, True, True, True],
    "num_heads": [1, 2, 3, 4],
    "num_groups": [1, 2, 3, 4],
    "window_size": 12,
    "drop_path_rate": 0.1,
    "projection_dim": 32,
}
WIDTHS = [8, 16, 24, 32]
TEXT = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 1024,
    "bos_token_id": 0,
    "pad_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": 2,
    "scale_embedding": False,
    "activation_function": "gelu",
}
GENERATION = {
    "bos_token_id": 0,
    "decoder_start_token_id": 2,
    "early_stopping": False,
    "eos_token_id": 2,
    "forced_bos_token_id": 0,
    "forced_eos_token_id": 2,
    "no_repeat_ngram_size": 3,
    "num_beams": 3,
    "pad_token_id": 1,
}
PICTURE = {
    "do_resize": True,
    "size": {"height": 768, "width": 768},
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "image_seq_length": 577,
}


def native_files() -> dict[str, bytes]:
    """florence-community's files."""
    base = byte_level(BART_SPECIALS, BASE_TOKENS)
    complete = with_tokens(base, [*_places_and_marks(), "<image>"])
    picture = complete.get_vocab_size() - 1
    tensors = _tensors(picture)
    rows = -(-(picture + 1) // 64) * 64
    shared = tensors[SHARED]
    tensors[SHARED] = np.concatenate([shared, np.zeros((rows - picture, 32), np.float32) - 0.5])
    config = {
        "architectures": ["Florence2ForConditionalGeneration"],
        "model_type": "florence2",
        "is_encoder_decoder": True,
        "tie_word_embeddings": True,
        "image_token_id": picture,
        "vision_config": {**VISION, "model_type": "florence_vision", "embed_dim": WIDTHS},
        "text_config": {**TEXT, "model_type": "bart", "vocab_size": rows},
    }
    return {
        "config.json": _json(config),
        "generation_config.json": _json({**GENERATION, "suppress_tokens": [*range(picture, rows)]}),
        "preprocessor_config.json": _json(PICTURE),
        "processor_config.json": _json({"processor_class": "Florence2Processor"}),
        "model.safetensors": safetensors(tensors),
        "tokenizer.json": as_json(complete),
        "tokenizer_config.json": _json({"extra_special_tokens": {"image_token": "<image>"}}),
    }


def legacy_files() -> dict[str, bytes]:
    """Microsoft's files but for its Python code."""
    base = byte_level(BART_SPECIALS, BASE_TOKENS)
    vocabulary = base.get_vocab_size() + len(_places_and_marks())
    vision = {
        **VISION,
        "model_type": "davit",
        "dim_embed": WIDTHS,
        "image_pos_embed": {"type": "learned_abs_2d", "max_pos_embeddings": 50},
        "visual_temporal_embedding": {"type": "COSINE", "max_temporal_embeddings": 100},
        "image_feature_source": ["spatial_avg_pool", "temporal_avg_pool"],
    }
    config = {
        "architectures": ["Florence2ForConditionalGeneration"],
        "auto_map": {
            "AutoModelForCausalLM": "modeling_florence2.Florence2ForConditionalGeneration"
        },
        "model_type": "florence2",
        "vision_config": vision,
        "text_config": {**TEXT, "model_type": "florence2_language", "vocab_size": vocabulary},
        "vocab_size": vocabulary,
    }
    tensors = dict(_legacy(_tensors(vocabulary)))
    tensors["language_model.final_logits_bias"] = np.zeros((1, vocabulary), np.float32)
    return {
        "config.json": _json(config),
        "generation_config.json": _json({"num_beams": 3, "early_stopping": False}),
        "preprocessor_config.json": _json(PICTURE),
        "model.safetensors": safetensors(tensors),
        "tokenizer.json": as_json(base),
        "tokenizer_config.json": _json({"model_max_length": 1024}),
    }


def _tensors(vocabulary: int) -> dict[str, Array]:
    shapes = {name: tuple(shape) for name, shape in json.loads(SHAPES.read_text()).items()}
    shapes[SHARED] = (vocabulary, 32)
    return random_tensors(shapes, seed=21)


def _legacy(tensors: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    for name, value in tensors.items():
        old = _legacy_name(name)
        yield old, np.ascontiguousarray(value.T) if old == "image_projection" else value


def _legacy_name(name: str) -> str:
    """The other way round than the product maps it, written apart from it."""
    name = name.removeprefix("model.")
    if name.startswith("language_model."):
        return name.replace("language_model.", "language_model.model.", 1)
    if name == "multi_modal_projector.image_projection.weight":
        return "image_projection"
    name = name.removeprefix("multi_modal_projector.").replace(
        "image_position_embed", "image_pos_embed"
    )
    parts = name.split(".")
    if parts[:2] == ["vision_tower", "convs"] and parts[3] == "conv":
        parts[3] = "proj"
    if parts[:2] == ["vision_tower", "blocks"]:
        parts[5:-1] = _legacy_block(parts[4], parts[5:-1])
    return ".".join(parts)


def _legacy_block(block: str, parts: list[str]) -> list[str]:
    attention = "window_attn" if block == "spatial_block" else "channel_attn"
    match parts:
        case ["conv1" | "conv2" as conv]:
            return [conv, "fn", "dw"]
        case ["norm1"]:
            return [attention, "norm"]
        case ["norm2"]:
            return ["ffn", "norm"]
        case ["ffn", layer]:
            return ["ffn", "fn", "net", layer]
        case [str(), layer]:
            return [attention, "fn", layer]
    raise AssertionError(parts)


def _places_and_marks() -> list[str]:
    marks = ["<od>", "</od>", "<ocr>", "</ocr>", *(f"<loc_{at}>" for at in range(1000))]
    for name in ("cap", "ncap", "dcap", "grounding", "seg"):
        marks += [f"<{name}>", f"</{name}>"]
    marks.append("<sep>")
    for name in ("region_cap", "region_to_desciption", "proposal", "poly"):
        marks += [f"<{name}>", f"</{name}>"]
    return [*marks, "<and>"]


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode()
