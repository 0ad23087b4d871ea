"""Straight scripts: timm in fp32, one picture at a time, as the publishers' inference code.

python -m bench.engine_straight jtp2|wdv3 CHECKPOINT PICTURES COUNT ANSWER
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.engine_weights import HIDDEN, MODEL, WIDTH

Score = Callable[[Path], list[float]]


def main(family: str, checkpoint: Path, pictures: Path, count: int, answer: Path) -> None:
    """Score each picture; the first one warms up and is scored again."""
    import torch

    score = {"jtp2": joint_tagger, "wdv3": wd_tagger}[family](checkpoint)
    with torch.inference_mode():
        score(pictures / "0.jpg")
        wall, cpu = time.perf_counter(), time.process_time()
        scores = [score(pictures / f"{at}.jpg") for at in range(count)]
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    answer.write_text(json.dumps({"wall": wall / count, "cpu": cpu / count, "scores": scores}))


def joint_tagger(checkpoint: Path) -> Score:
    """RedRocket's: fit, mid-grey, normalize, crop, two sigmoids."""
    import timm
    import torch
    from PIL import Image
    from safetensors.torch import load_file
    from torchvision.transforms import functional

    tensors = load_file(str(checkpoint / MODEL))
    depth = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blocks."))
    network = timm.create_model(
        "vit_so400m_patch14_siglip_384",
        pretrained=False,
        num_classes=0,
        depth=depth,
        mlp_ratio=HIDDEN / WIDTH,
    )
    head = torch.nn.Linear(WIDTH, tensors["head.linear.weight"].shape[0])
    head.load_state_dict(
        {"weight": tensors.pop("head.linear.weight"), "bias": tensors.pop("head.linear.bias")}
    )
    network.load_state_dict(tensors)
    network.eval()

    def score(path: Path) -> list[float]:
        picture = Image.open(path).convert("RGBA")
        scale = min(384 / picture.height, 384 / picture.width)
        size = (round(picture.width * scale), round(picture.height * scale))
        values = functional.to_tensor(picture.resize(size, Image.Resampling.LANCZOS))
        colours = values[:3] * values[3:] + 0.5 * (1 - values[3:])
        values = functional.center_crop(functional.normalize(colours, [0.5], [0.5]), [384, 384])
        likely, gate = head(network(values[None])).chunk(2, dim=1)
        return _list(torch.mul(likely.sigmoid(), gate.sigmoid())[0])

    return score


def wd_tagger(checkpoint: Path) -> Score:
    """The timm script that SmilingWolf's cards name: white square, bicubic, BGR, one sigmoid."""
    import timm
    from PIL import Image
    from safetensors.torch import load_file
    from torchvision.transforms import functional

    config = json.loads((checkpoint / "config.json").read_text())
    network = timm.create_model(
        config["architecture"],
        pretrained=False,
        num_classes=config["num_classes"],
        **config["model_args"],
    )
    network.load_state_dict(load_file(str(checkpoint / "model.safetensors")))
    network.eval()
    size = config["pretrained_cfg"]["input_size"][-1]

    def score(path: Path) -> list[float]:
        picture = Image.open(path).convert("RGB")
        side = max(picture.size)
        square = Image.new("RGB", (side, side), (255, 255, 255))
        square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
        square = square.resize((size, size), Image.Resampling.BICUBIC)
        values = functional.normalize(functional.to_tensor(square), [0.5] * 3, [0.5] * 3)
        return _list(network(values[[2, 1, 0]][None]).sigmoid()[0])

    return score


def _list(values: Any) -> list[float]:
    scores: list[float] = values.tolist()
    return scores


if __name__ == "__main__":
    family, *places, count, answer = sys.argv[1:]
    main(family, Path(places[0]), Path(places[1]), int(count), Path(answer))
