"""WD taggers: model.onnx that takes (N, 448, 448, 3) BGR, selected_tags.csv, and timm's weights."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from tests.standins.tiny_models.onnx_writer import Node, onnx_model
from tests.standins.tiny_models.tensors import Array, linear, norm, random_tensors, safetensors

SIDE, POOLED = 448, 112
RATINGS = ("general", "sensitive", "questionable", "explicit")
GENERAL = (
    "1girl",
    "solo",
    "long_hair",
    "looking_at_viewer",
    "^_^",
    "o_o",
    "blue_sky",
    "outdoors",
    "hat_(object)",
    "smile",
    "no_humans",
    "scenery",
)
CHARACTERS = ("hatsune_miku", "saber_(fate)", "rem_(re:zero)", "asuka_langley", "holo")
WIDTH, DEPTH, WEIGHT_SIDE, PATCH = 64, 1, 64, 16


def wdv3_files(seed: int, characters: int = len(CHARACTERS)) -> dict[str, bytes]:
    """What the registry downloads of a v3 repository."""
    rows = _rows(characters)
    return {"model.onnx": _graph(len(rows), seed), "selected_tags.csv": _csv(rows)}


def wdv3_weight_files() -> dict[str, bytes]:
    """A repository without a graph: timm's config.json and model.safetensors."""
    rows = _rows(len(CHARACTERS))
    config = {
        "architecture": "vit_base_patch16_224",
        "num_classes": len(rows),
        "num_features": WIDTH,
        "global_pool": "avg",
        "model_args": {
            "img_size": WEIGHT_SIDE,
            "embed_dim": WIDTH,
            "depth": DEPTH,
            "num_heads": 2,
            "class_token": False,
            "global_pool": "avg",
            "fc_norm": False,
            "act_layer": "gelu_tanh",
        },
        "pretrained_cfg": {
            "input_size": [3, WEIGHT_SIDE, WEIGHT_SIDE],
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "interpolation": "bicubic",
            "num_classes": len(rows),
        },
    }
    tensors = random_tensors(dict(_weights(len(rows))), seed=5)
    return {
        "config.json": json.dumps(config).encode(),
        "model.safetensors": safetensors(tensors),
        "selected_tags.csv": _csv(rows),
    }


def graph_weights(tags: int, seed: int) -> tuple[Array, Array]:
    """What the graph multiplies the 4 x 4 pooled picture (channels first) with, and adds."""
    source = np.random.default_rng(seed)
    cells = 3 * (SIDE // POOLED) ** 2
    weight = source.standard_normal((cells, tags), dtype=np.float32) * np.float32(0.004)
    return weight, source.standard_normal(tags, dtype=np.float32)


def _graph(tags: int, seed: int) -> bytes:
    weight, bias = graph_weights(tags, seed)
    nodes = [
        Node("Transpose", ["input"], "planes", {"perm": [0, 3, 1, 2]}),
        Node(
            "AveragePool",
            ["planes"],
            "pooled",
            {"kernel_shape": [POOLED, POOLED], "strides": [POOLED, POOLED]},
        ),
        Node("Flatten", ["pooled"], "flat", {"axis": 1}),
        Node("Gemm", ["flat", "weight", "bias"], "logits"),
        Node("Sigmoid", ["logits"], "output"),
    ]
    shape: list[int | str] = ["batch_size", SIDE, SIDE, 3]
    constants = {"weight": weight, "bias": bias}
    return onnx_model(nodes, constants, ("input", shape), ("output", ["batch_size", tags]))


def _rows(characters: int) -> list[tuple[str, int]]:
    rows = [(name, 9) for name in RATINGS] + [(name, 0) for name in GENERAL]
    return rows + [(name, 4) for name in CHARACTERS[:characters]]


def _csv(rows: list[tuple[str, int]]) -> bytes:
    lines = ["tag_id,name,category,count"]
    lines += [f"{9000 + at},{name},{kind},{5000 - at}" for at, (name, kind) in enumerate(rows)]
    return "\n".join([*lines, ""]).encode()


def _weights(tags: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "pos_embed", (1, (WEIGHT_SIDE // PATCH) ** 2, WIDTH)
    yield "patch_embed.proj.weight", (WIDTH, 3, PATCH, PATCH)
    yield "patch_embed.proj.bias", (WIDTH,)
    for at in range(DEPTH):
        yield from norm(f"blocks.{at}.norm1", WIDTH)
        yield from linear(f"blocks.{at}.attn.qkv", 3 * WIDTH, WIDTH)
        yield from linear(f"blocks.{at}.attn.proj", WIDTH, WIDTH)
        yield from norm(f"blocks.{at}.norm2", WIDTH)
        yield from linear(f"blocks.{at}.mlp.fc1", 4 * WIDTH, WIDTH)
        yield from linear(f"blocks.{at}.mlp.fc2", WIDTH, 4 * WIDTH)
    yield from norm("norm", WIDTH)
    yield from linear("head", tags, WIDTH)
