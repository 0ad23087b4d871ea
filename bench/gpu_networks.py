"""One network of each family with random weights, at its real size or tiny, ready to be timed.

What a forward computes is counted by torch itself, so that a share of a card's peak can be told.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.engine_weights import GRID, HIDDEN, PATCH, TAGS, WIDTH
from yipyap_core.engines.ultralytics_models import ENVIRONMENT

NEW_TOKENS = 16
"""So many words each caption gets, whatever the weights say."""

Call = Callable[[int], object]
"""Runs one batch of so many pictures."""
Make = Callable[[Any, str, bool], Call]
"""Takes dtype, device and whether it is to be tiny."""


@dataclass(frozen=True)
class Subject:
    """A network of one family."""

    family: str
    what: str
    make: Make


def counted(call: Call) -> float:
    """Operations of one picture: multiplications and additions of matrices and attention."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        call(1)
    return float(counter.get_total_flops())


def _jtp2(dtype: Any, device: str, tiny: bool) -> Call:
    from yipyap_core.engines.networks.siglip import Shape, SiglipTagger

    shape = Shape(WIDTH, 27, 16, HIDDEN, HIDDEN, PATCH, GRID, 2 * TAGS, gated=True)
    if tiny:
        shape = Shape(32, 2, 1, 64, 64, PATCH, 4, 20, gated=True)
    return _vision(_built(lambda: SiglipTagger(shape), dtype, device), shape.picture, dtype, device)


def _wdv3(dtype: Any, device: str, tiny: bool) -> Call:
    import timm

    from bench.engine_graph import CONFIG, SIDE

    side = 64 if tiny else SIDE
    arguments = {**CONFIG["model_args"], "img_size": side} | (  # type: ignore[dict-item]
        {"depth": 1, "embed_dim": 64, "num_heads": 1} if tiny else {}
    )
    count = 20 if tiny else CONFIG["num_classes"]
    network = _built(
        lambda: timm.create_model(
            CONFIG["architecture"], pretrained=False, num_classes=count, **arguments
        ),
        dtype,
        device,
    )
    return _vision(network, side, dtype, device)


def _yolo(size: str, side: int, dtype: Any, device: str, tiny: bool) -> Call:
    os.environ.update(ENVIRONMENT)
    from ultralytics.nn.tasks import DetectionModel

    name, side = ("yolo11n.yaml", 64) if tiny else (f"yolo11{size}.yaml", side)
    network = _built(lambda: DetectionModel(name, verbose=False), dtype, device)
    return _vision(network, side, dtype, device)


def _owl(dtype: Any, device: str, tiny: bool) -> Call:
    from yipyap_core.engines.networks.owl import Shape, WatermarkClassifier

    shape = Shape(768, 12, 3072, 16, 3601, 1536)
    if tiny:
        shape = Shape(64, 1, 64, 16, 17, 32)
    network = _built(lambda: WatermarkClassifier(shape), dtype, device)
    return _vision(network, shape.picture, dtype, device)


def _florence2(dtype: Any, device: str, tiny: bool) -> Call:
    import torch
    from transformers import Florence2Config, Florence2ForConditionalGeneration

    from tests.standins.tiny_models.florence2 import TEXT, VISION, WIDTHS

    text: Mapping[str, Any] = {"model_type": "bart", "vocab_size": 51328}
    config = Florence2Config(text_config=dict(text))
    if tiny:
        text = {**TEXT, "model_type": "bart", "vocab_size": 51328}
        config = Florence2Config(vision_config={**VISION, "embed_dim": WIDTHS}, text_config=text)
    network = _built(lambda: Florence2ForConditionalGeneration(config), dtype, device)
    words = [config.image_token_id] * 577 + [0, 9, 9, 2]

    def call(batch: int) -> object:
        pixels = torch.zeros(batch, 3, 768, 768, device=device, dtype=dtype)
        return _written(network, words, pixels, num_beams=1, decoder_start_token_id=2)

    return call


def _joycaption(dtype: Any, device: str, tiny: bool) -> Call:
    import torch
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    from tests.standins.tiny_models.joycaption import CONFIG

    config = LlavaConfig(**CONFIG) if tiny else LlavaConfig(**real_llava(CONFIG))
    network = _built(lambda: LlavaForConditionalGeneration(config), dtype, device)
    words = [0, *[config.image_token_index] * config.image_seq_length, 9, 9]

    def call(batch: int) -> object:
        pixels = torch.zeros(batch, 3, 384, 384, device=device, dtype=dtype)
        return _written(network, words, pixels)

    return call


def real_llava(tiny: Mapping[str, Any]) -> dict[str, Any]:
    """Llama 3.1 8B behind SigLIP so400m."""
    text = {
        **tiny["text_config"],
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
    }
    vision = {
        **tiny["vision_config"],
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
    }
    return {**tiny, "text_config": text, "vision_config": vision}


def _built(make: Callable[[], Any], dtype: Any, device: str) -> Any:
    """Build straight on the device in the precision: eight billion weights are there at once."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            network = make()
    finally:
        torch.set_default_dtype(before)
    return network.to(device, dtype).eval()


def _vision(network: Any, side: int, dtype: Any, device: str) -> Call:
    import torch

    return lambda batch: network(torch.zeros(batch, 3, side, side, device=device, dtype=dtype))


def _written(network: Any, words: list[int], pixels: Any, **arguments: Any) -> Any:
    import torch

    tokens = torch.tensor([words] * len(pixels), device=pixels.device)
    return network.generate(
        input_ids=tokens,
        attention_mask=torch.ones_like(tokens),
        pixel_values=pixels,
        do_sample=False,
        min_new_tokens=NEW_TOKENS,
        max_new_tokens=NEW_TOKENS,
        **arguments,
    )


SUBJECTS: tuple[Subject, ...] = (
    Subject("jtp2", "SigLIP so400m/14 384, gated head", _jtp2),
    Subject("wdv3", "ViT-B/16 448", _wdv3),
    Subject("florence2", f"Florence-2 large, {NEW_TOKENS} tokens", _florence2),
    Subject("joycaption", f"Llama 8B with SigLIP, {NEW_TOKENS} tokens", _joycaption),
    Subject("yolo", "YOLO11x 640", lambda *how: _yolo("x", 640, *how)),
    Subject("watermark", "YOLO11x 1024", lambda *how: _yolo("x", 1024, *how)),
    Subject("watermark", "OWLv2 960", _owl),
)
