"""JoyCaption beta one: shards with an index, SigLIP nested as Llava was saved by transformers 4."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.standins.tiny_models.tensors import Array, random_tensors, safetensors
from tests.standins.tiny_models.vocabulary import as_json, byte_level

SHAPES = Path(__file__).with_name("shapes") / "llava.json"
VOCABULARY = 512
SPECIALS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|finetune_right_pad_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|reserved_special_token_69|>",
    "<|reserved_special_token_70|>",
    "<|reserved_special_token_71|>",
)
PICTURE = SPECIALS.index("<|reserved_special_token_69|>")
TEMPLATE = (
    "{%- set ns = namespace(pictured=false) -%}{{- bos_token -}}"
    "{%- for message in messages -%}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' -}}"
    "{%- if message['role'] == 'user' and not ns.pictured -%}"
    "{%- set ns.pictured = true -%}"
    "{{- '<|reserved_special_token_70|><|reserved_special_token_69|>'"
    " + '<|reserved_special_token_71|>' -}}"
    "{%- endif -%}{{- message['content'] | trim + '<|eot_id|>' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}"
)
CONFIG = {
    "architectures": ["LlavaForConditionalGeneration"],
    "model_type": "llava",
    "torch_dtype": "bfloat16",
    "image_seq_length": 729,
    "image_token_index": PICTURE,
    "projector_hidden_act": "gelu",
    "vision_feature_layer": -2,
    "vision_feature_select_strategy": "full",
    "text_config": {
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "bos_token_id": 0,
        "eos_token_id": [1, 5],
    },
    "vision_config": {
        "model_type": "siglip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "image_size": 384,
        "patch_size": 14,
        "vision_use_head": True,
    },
}


def joycaption_files() -> dict[str, bytes]:
    """Every published file."""
    tensors = random_tensors(_shapes(), seed=31)
    first, second = _halves(tensors)
    names = [f"model-0000{at}-of-00002.safetensors" for at in (1, 2)]
    index = {name: names[0] if name in first else names[1] for name in tensors}
    total = sum(value.nbytes for value in tensors.values())
    return {
        "config.json": _json(CONFIG),
        "generation_config.json": _json({"bos_token_id": 0, "eos_token_id": [1, 5]}),
        "model.safetensors.index.json": _json(
            {"metadata": {"total_size": total}, "weight_map": index}
        ),
        names[0]: safetensors(first),
        names[1]: safetensors(second),
        "preprocessor_config.json": _json(_preprocessor()),
        "special_tokens_map.json": _json({"bos_token": SPECIALS[0], "eos_token": SPECIALS[5]}),
        "tokenizer.json": as_json(byte_level(SPECIALS, VOCABULARY)),
        "tokenizer_config.json": _json(_tokenizer()),
    }


def _shapes() -> dict[str, tuple[int, ...]]:
    """Names as published: the tower is one level deeper than transformers 5 writes it."""
    shapes = json.loads(SHAPES.read_text(encoding="utf-8"))
    return {
        name.replace("vision_tower.", "vision_tower.vision_model.", 1): tuple(shape)
        for name, shape in shapes.items()
    }


def _halves(tensors: dict[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    names = sorted(tensors)
    middle = len(names) // 2
    return (
        {name: tensors[name] for name in names[:middle]},
        {name: tensors[name] for name in names[middle:]},
    )


def _preprocessor() -> dict[str, Any]:
    return {
        "image_processor_type": "SiglipImageProcessor",
        "processor_class": "LlavaProcessor",
        "size": {"height": 384, "width": 384},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }


def _tokenizer() -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SPECIALS[0],
        "eos_token": "<|eot_id|>",
        "pad_token": "<|finetune_right_pad_id|>",
        "chat_template": TEMPLATE,
        "model_max_length": 131072,
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode()
