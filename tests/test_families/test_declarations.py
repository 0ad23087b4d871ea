"""The names, defaults, bounds and labels that people and programs rely on, once more."""

from __future__ import annotations

from typing import Any

import pytest

from yipyap_core.domain.models import ModelType, RepoType
from yipyap_core.families import find_configs, find_families
from yipyap_core.families.base import Declaration
from yipyap_core.families.fields import ConfigField, fields_of, parse

FAMILIES = {family.id: family for family in find_families()}
CONFIGS: dict[str, Declaration] = {one.id: one for one in find_configs()}
MODELS = {spec.id: spec for family in FAMILIES.values() for spec in family.models}

DEFAULTS: dict[str, dict[str, Any]] = {
    "jtp2": {"threshold": 0.2, "force_cpu": False, "model_path": "", "tags_path": ""},
    "wdv3": {
        "model_name": "vit",
        "gen_threshold": 0.35,
        "char_threshold": 0.75,
        "force_cpu": False,
    },
    "florence2": {
        "model_variant": "large",
        "max_tokens": 256,
        "use_gpu": True,
        "precision": "fp16",
        "task": "<MORE_DETAILED_CAPTION>",
    },
    "yolo": {"model_size": "n", "confidence_threshold": 0.25, "iou_threshold": 0.7},
    "watermark": {"backend": "both", "yolo_threshold": 0.5, "owlv2_threshold": 0.5},
    "joycaption": {
        "caption_type": "Descriptive",
        "caption_length": "long",
        "temperature": 0.6,
        "top_p": 0.9,
        "max_tokens": 512,
        "precision": "bf16",
    },
    "ollama": {"base_url": "http://127.0.0.1:11434", "assistant_model": "qwen3:8b"},
}

LABELS = {
    "jtp2": ["Threshold", "Force CPU", "Model Path", "Tags Path"],
    "wdv3": ["Model Architecture", "General Threshold", "Character Threshold", "Force CPU"],
    "florence2": ["Model Variant", "Max Tokens", "Use GPU", "Precision", "Task"],
    "yolo": ["Model Size", "Confidence Threshold", "IoU Threshold"],
}

CHOICES = {
    ("wdv3", "model_name"): {
        "vit": "ViT",
        "swinv2": "SwinV2",
        "convnext": "ConvNeXT",
        "convnextv2": "ConvNeXTv2",
    },
    ("florence2", "precision"): {"fp16": "FP16", "fp32": "FP32", "bf16": "BF16"},
    ("yolo", "model_size"): {
        "n": "Nano",
        "s": "Small",
        "m": "Medium",
        "l": "Large",
        "x": "Extra Large",
    },
}

RELOADS = {
    "jtp2": {"force_cpu", "model_path", "tags_path"},
    "wdv3": {"model_name", "force_cpu"},
    "florence2": {"model_variant", "use_gpu", "precision"},
    "joycaption": {"precision"},
    "yolo": {"model_size"},
    "watermark": {"backend"},
}


def _field(config: str, name: str) -> ConfigField:
    return next(one for one in fields_of(CONFIGS[config].config) if one.name == name)


def test_the_names_are_those_of_the_contract() -> None:
    names = "jtp2 wdv3 florence2 joycaption yolo watermark dreamon llada ollama"
    assert list(CONFIGS) == names.split()
    assert "ollama" not in FAMILIES


def test_the_models_are_those_of_the_contract() -> None:
    assert set(MODELS) == {
        "jtp2",
        "wdv3-vit",
        "wdv3-swinv2",
        "wdv3-convnext",
        "wdv3-convnextv2",
        "florence2-base",
        "florence2-base-ft",
        "florence2-large",
        "florence2-large-ft",
        "joycaption",
        "yolo-n",
        "yolo-s",
        "yolo-m",
        "yolo-l",
        "yolo-x",
        "watermark-yolo",
        "watermark-owlv2",
        "dreamon",
        "llada",
    }


@pytest.mark.parametrize("name", DEFAULTS)
def test_fields_and_defaults(name: str) -> None:
    assert CONFIGS[name].config().model_dump() == DEFAULTS[name]


@pytest.mark.parametrize("name", LABELS)
def test_labels(name: str) -> None:
    assert [field.label for field in fields_of(CONFIGS[name].config)] == LABELS[name]


@pytest.mark.parametrize(("config", "name"), CHOICES)
def test_labels_of_choices(config: str, name: str) -> None:
    assert {one.value: one.label for one in _field(config, name).choices} == CHOICES[config, name]


def test_every_threshold_is_a_share() -> None:
    thresholds = [
        field
        for name in ("jtp2", "wdv3", "yolo", "watermark")
        for field in fields_of(CONFIGS[name].config)
        if "threshold" in field.name
    ]
    assert len(thresholds) == 7
    assert {(field.minimum, field.maximum) for field in thresholds} == {(0.0, 1.0)}


def test_florence_writes_between_1_and_512_tokens() -> None:
    field = _field("florence2", "max_tokens")
    assert (field.minimum, field.maximum) == (1, 512)


@pytest.mark.parametrize("name", RELOADS)
def test_what_needs_a_reload(name: str) -> None:
    fields = fields_of(CONFIGS[name].config)
    assert {field.name for field in fields if field.needs_reload} == RELOADS[name]


def test_types() -> None:
    types = {name: family.type for name, family in FAMILIES.items()}
    assert types["wdv3"] is ModelType.CAPTION_GENERATOR
    assert types["yolo"] is types["watermark"] is ModelType.DETECTION
    assert types["dreamon"] is types["llada"] is ModelType.DIFFUSION_LM


def test_repositories_that_are_easily_mistaken() -> None:
    assert MODELS["florence2-large"].repo_id == "florence-community/Florence-2-large"
    assert MODELS["wdv3-convnextv2"].repo_id == "SmilingWolf/wd-v1-4-convnextv2-tagger-v2"
    assert MODELS["watermark-yolo"].repo_type is RepoType.SPACE
    assert MODELS["watermark-yolo"].repo == MODELS["watermark-owlv2"].repo
    assert MODELS["yolo-x"].allow_patterns == ("yolo11x.pt",)


def test_the_form_says_what_convnextv2_is() -> None:
    note = next(one.note for one in _field("wdv3", "model_name").choices if one.note)
    assert "wd-v1-4-convnextv2-tagger-v2" in note and "ONNX" in note
    assert MODELS["wdv3-convnextv2"].note == note


def test_every_wd_variant_offers_its_recommended_threshold() -> None:
    presets = {one.values["model_name"]: one.values for one in CONFIGS["wdv3"].presets}
    assert set(presets) == {one.value for one in _field("wdv3", "model_name").choices}
    assert presets["swinv2"]["gen_threshold"] == 0.2653


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"gen_length": 100, "block_length": 32}, "gen_length"),
        ({"gen_length": 128, "block_length": 32, "steps": 126}, "steps"),
        ({"cfg_scale": 1.0, "cache": "dual"}, "cache"),
    ],
)
def test_llada_names_the_field_that_does_not_fit_the_others(
    values: dict[str, Any], field: str
) -> None:
    assert list(parse(CONFIGS["llada"].config, values).conflicts()) == [field]


def test_dreamon_starts_no_longer_than_it_may_become() -> None:
    config = parse(CONFIGS["dreamon"].config, {"initial_masks": 9, "max_new_tokens": 8})
    assert list(config.conflicts()) == ["max_new_tokens"]


@pytest.mark.parametrize(
    "address",
    [
        "ftp://here",
        "localhost:11434",
        "http://",
        "http://a b",
        "http://user:secret@host",
        "http://host?x",
        "javascript:alert(1)",
        "http://host\n",
    ],
)
def test_ollama_refuses_what_is_no_plain_address(address: str) -> None:
    with pytest.raises(Exception, match="Failed to update config"):
        parse(CONFIGS["ollama"].config, {"base_url": address})


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:11434", "https://[::1]:11434", "https://models.example/ollama/"]
)
def test_ollama_takes_a_plain_address(address: str) -> None:
    assert parse(CONFIGS["ollama"].config, {"base_url": address})
