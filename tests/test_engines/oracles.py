"""Compares our own networks and readers with the libraries'; prints the differences as JSON.

Run in a process of its own, for it imports timm and transformers.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from tests.standins.tiny_models import files_of, pickles
from tests.standins.tiny_models.jtp2 import DEPTH, GRID, HIDDEN, MODEL, PATCH, WIDTH


def siglip() -> float:
    """Our tagger against timm's transformer with the gated head, on the same weights."""
    import timm
    import torch
    from safetensors.torch import load

    from yipyap_core.engines.networks.siglip import Shape, SiglipTagger

    tensors = load(files_of("jtp2")[MODEL])
    ours = SiglipTagger(Shape.of(tensors))
    ours.load_state_dict(tensors, strict=True)
    theirs = timm.create_model(
        "vit_so400m_patch14_siglip_384",
        pretrained=False,
        num_classes=0,
        img_size=GRID * PATCH,
        embed_dim=WIDTH,
        depth=DEPTH,
        num_heads=WIDTH // 64,
        mlp_ratio=HIDDEN / WIDTH,
    ).eval()
    body = {name: value for name, value in tensors.items() if not name.startswith("head")}
    theirs.load_state_dict(body, strict=True)
    pictures = torch.randn(3, 3, GRID * PATCH, GRID * PATCH)
    weight, bias = tensors["head.linear.weight"], tensors["head.linear.bias"]
    with torch.inference_mode():
        likely, gate = (theirs(pictures) @ weight.T + bias).chunk(2, dim=1)
        return float((ours(pictures) - likely.sigmoid() * gate.sigmoid()).abs().max())


def owl() -> float:
    """Our classifier against transformers' vision tower under the publisher's head."""
    import torch
    import torch.nn.functional as F
    from transformers import Owlv2VisionConfig, Owlv2VisionModel

    from yipyap_core.engines.networks.owl import Shape, WatermarkClassifier

    tensors = torch.load(pickles.made() / pickles.OWL, weights_only=True)
    shape = Shape.of(tensors)
    ours = WatermarkClassifier(shape)
    ours.load_state_dict(tensors, strict=True)
    config = Owlv2VisionConfig(
        hidden_size=shape.width,
        intermediate_size=shape.hidden,
        num_hidden_layers=shape.depth,
        num_attention_heads=shape.width // 64,
        image_size=shape.picture,
        patch_size=shape.patch,
    )
    theirs = Owlv2VisionModel(config).eval()
    tower = {k.removeprefix("owl."): v for k, v in tensors.items() if k.startswith("owl.")}
    theirs.load_state_dict(tower, strict=False)
    pictures = torch.randn(2, 3, shape.picture, shape.picture)
    with torch.inference_mode():
        tokens = theirs(pixel_values=pictures).last_hidden_state
        tokens = F.layer_norm(tokens, (shape.width,), tensors["ln1.weight"], tensors["ln1.bias"])
        hidden = F.gelu(tokens @ tensors["linear1.weight"].T + tensors["linear1.bias"]).amax(1)
        size = (shape.head_hidden,)
        hidden = F.layer_norm(hidden, size, tensors["ln2.weight"], tensors["ln2.bias"])
        logits = hidden @ tensors["linear2.weight"].T + tensors["linear2.bias"]
        return float((ours(pictures) - logits.softmax(-1)[:, 1]).abs().max())


def florence() -> list[str]:
    """Answers that our reader and transformers' post-processor read differently."""
    from transformers.models.florence2.processing_florence2 import Florence2PostProcessor

    from yipyap_core.engines.florence_text import boxes_of

    names = ("description_with_bboxes", "bboxes", "ocr", "polygons")
    theirs = Florence2PostProcessor({name: {} for name in names}, _Tokenizer())
    source, wrong = random.Random(1), []
    for _ in range(200):
        for task, name, each in _CASES:
            text = _answer(source, each, labelled=name not in {"bboxes", "polygons"})
            size = (source.randint(1, 3000), source.randint(1, 3000))
            found = theirs(text=text, image_size=size, parse_tasks=name)[name]
            if _flat(found) != [_ours(box, each) for box in boxes_of(task, text, size)]:
                wrong.append(f"{task} {text} {size}")
    return wrong


_CASES = (
    ("<OD>", "description_with_bboxes", 4),
    ("<REGION_PROPOSAL>", "bboxes", 4),
    ("<OCR_WITH_REGION>", "ocr", 8),
    ("<REGION_TO_SEGMENTATION>", "polygons", 6),
)


class _Tokenizer:
    all_special_tokens: tuple[str, ...] = ()
    bos_token_id = 0


def _answer(source: random.Random, each: int, *, labelled: bool) -> str:
    parts = []
    for _ in range(source.randint(1, 3) if labelled else 1):
        corners = sorted(source.sample(range(1000), 2)), sorted(source.sample(range(1000), 2))
        box = [corners[0][0], corners[1][0], corners[0][1], corners[1][1]]
        bins = box if each == 4 else [source.randrange(1000) for _ in range(each)]
        label = source.choice(["cat", "a red chair", "STOP"]) if labelled else ""
        parts.append(label + "".join(f"<loc_{at}>" for at in bins))
    return "</s><s>" + "".join(parts) + "</s>"


def _flat(found: Any) -> list[tuple[str, list[float]]]:
    """Label and numbers of each instance, whatever the kind."""
    flat = []
    for one in found:
        if "polygons" in one:
            flat += [("", [float(at) for at in polygon]) for polygon in one["polygons"]]
        else:
            numbers = one.get("bbox") or one.get("quad_box")
            flat.append((one.get("cat_name", one.get("text", "")), [float(at) for at in numbers]))
    return flat


def _ours(box: Any, each: int) -> tuple[str, list[float]]:
    if each == 4:
        return box.label, list(box.xyxy)
    return box.label, [value for point in box.points for value in point]


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = {"siglip": siglip(), "owl": owl(), "florence": florence()[:5]}
    Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")
