"""Writes the `.pt` files; run by `pickles` in a process of its own, for it imports torch.

python -m tests.standins.tiny_models.pickle_writer FOLDER
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.standins.tiny_models.pickles import EVIL, EVIL_TRACE, OWL, WATERMARK, YOLO
from tests.standins.tiny_models.tensors import linear, norm, random_tensors

COCO = ("person", "bicycle", "car", "motorcycle", "airplane")
WIDTH, HIDDEN, DEPTH, PATCH, GRID, HEAD_HIDDEN = 128, 160, 2, 16, 4, 96


class Evil:
    """Runs a command when it is unpickled without restriction."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.trace}",)


def _write_all(folder: Path) -> None:
    import torch

    _save_yolo(folder / YOLO, COCO, seed=1)
    _save_yolo(folder / WATERMARK, ("watermark",), seed=2)
    tensors = random_tensors(dict(_owl()), seed=3)
    torch.save({name: torch.from_numpy(value) for name, value in tensors.items()}, folder / OWL)
    torch.save({"model": Evil(folder / EVIL_TRACE)}, folder / EVIL)


def _save_yolo(path: Path, names: tuple[str, ...], seed: int) -> None:
    """YOLO11's own graph with an eighth of its channels; some classes are likely, so boxes come."""
    import torch
    import ultralytics
    import yaml
    from ultralytics import YOLO as Detector

    torch.manual_seed(seed)
    graph = Path(ultralytics.__file__).parent / "cfg/models/11/yolo11.yaml"
    layers = yaml.safe_load(graph.read_text(encoding="utf-8"))
    layers |= {"scales": {"n": [0.25, 0.0625, 128]}, "scale": "n", "nc": len(names)}
    described = path.parent / "yolo11n.yaml"  # its name chooses the scale
    described.write_text(yaml.safe_dump(layers), encoding="utf-8")
    model = Detector(str(described))
    model.model.names = dict(enumerate(names))
    for branch in model.model.model[-1].cv3:
        torch.nn.init.normal_(branch[-1].weight, std=2.0)
        torch.nn.init.normal_(branch[-1].bias, mean=-2.0)
    model.save(str(path))


def _owl() -> Iterator[tuple[str, tuple[int, ...]]]:
    tower = "owl.vision_model"
    yield f"{tower}.embeddings.class_embedding", (WIDTH,)
    yield f"{tower}.embeddings.patch_embedding.weight", (WIDTH, 3, PATCH, PATCH)
    yield f"{tower}.embeddings.position_embedding.weight", (GRID**2 + 1, WIDTH)
    yield from norm(f"{tower}.pre_layernorm", WIDTH)
    for at in range(DEPTH):
        layer = f"{tower}.encoder.layers.{at}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from linear(f"{layer}.self_attn.{part}", WIDTH, WIDTH)
        yield from norm(f"{layer}.layer_norm1", WIDTH)
        yield from norm(f"{layer}.layer_norm2", WIDTH)
        yield from linear(f"{layer}.mlp.fc1", HIDDEN, WIDTH)
        yield from linear(f"{layer}.mlp.fc2", WIDTH, HIDDEN)
    yield from norm(f"{tower}.post_layernorm", WIDTH)
    yield from norm("ln1", WIDTH)
    yield from linear("linear1", HEAD_HIDDEN, WIDTH)
    yield from norm("ln2", HEAD_HIDDEN)
    yield from linear("linear2", 2, HEAD_HIDDEN)


if __name__ == "__main__":
    _write_all(Path(sys.argv[1]))
