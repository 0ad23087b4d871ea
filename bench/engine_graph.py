"""WDv3's ViT-B/16 at 448 with random weights: for timm as safetensors, and the same as a graph.

Names and architecture are those of the published config.json. The graph takes (N, 448, 448, 3),
BGR, 0 to 255, and gives probabilities, like the published one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.standins.tiny_models.onnx_writer import Node, onnx_model

TAGS = 10861
RATINGS, CHARACTERS = 4, 2000
SIDE, WIDTH, DEPTH, HEADS, PATCH = 448, 768, 12, 12, 16
TOKENS = (SIDE // PATCH) ** 2
EACH = WIDTH // HEADS
ARGUMENTS: Mapping[str, Any] = {
    "img_size": SIDE,
    "class_token": False,
    "global_pool": "avg",
    "fc_norm": False,
    "act_layer": "gelu_tanh",
}
CONFIG = {
    "architecture": "vit_base_patch16_224",
    "num_classes": TAGS,
    "global_pool": "avg",
    "model_args": dict(ARGUMENTS),
    "pretrained_cfg": {
        "input_size": [3, SIDE, SIDE],
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bicubic",
        "num_classes": TAGS,
    },
}

Array = np.ndarray[Any, Any]


def write_tagger(folder: Path, *, depth: int = DEPTH) -> Path:
    """Write model.onnx, model.safetensors, config.json and selected_tags.csv; 379 MB twice."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    tensors = _tensors(depth)
    arguments = {**ARGUMENTS, "depth": depth}
    (folder / "config.json").write_text(json.dumps({**CONFIG, "model_args": arguments}))
    (folder / "selected_tags.csv").write_text("\n".join(_rows()) + "\n", encoding="utf-8")
    save_file(tensors, str(folder / "model.safetensors"))
    (folder / "model.onnx").write_bytes(graph(tensors, depth))
    return folder


def _tensors(depth: int) -> dict[str, Array]:
    source = np.random.default_rng(0)

    def random(*shape: int, scale: float = 0.02) -> Array:
        return source.standard_normal(shape, dtype=np.float32) * np.float32(scale)

    found = {
        "patch_embed.proj.weight": random(WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": random(WIDTH),
        "pos_embed": random(1, TOKENS, WIDTH),
        "norm.weight": 1 + random(WIDTH),
        "norm.bias": random(WIDTH),
        "head.weight": random(TAGS, WIDTH, scale=0.08),  # some forty tags of a picture pass
        "head.bias": random(TAGS) - 6,
    }
    for at in range(depth):
        for name, shape in _block_shapes().items():
            value = random(*shape)
            is_norm = name.startswith("norm") and name.endswith("weight")
            found[f"blocks.{at}.{name}"] = value + 1 if is_norm else value
    return found


def _block_shapes() -> dict[str, tuple[int, ...]]:
    linear = {
        "attn.qkv": (3 * WIDTH, WIDTH),
        "attn.proj": (WIDTH, WIDTH),
        "mlp.fc1": (4 * WIDTH, WIDTH),
        "mlp.fc2": (WIDTH, 4 * WIDTH),
    }
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in linear.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    for name in ("norm1", "norm2"):
        shapes |= {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}
    return shapes


def _rows() -> Iterator[str]:
    yield "tag_id,name,category,count"
    for at in range(TAGS):
        kind = 9 if at < RATINGS else 4 if at >= TAGS - CHARACTERS else 0
        yield f"{at},tag_{at},{kind},1"


class _Graph:
    """Nodes in order, and the constants that they name."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}

    def add(self, operator: str, *inputs: str, **attributes: int | float | Sequence[int]) -> str:
        output = f"v{len(self.nodes)}"
        self.nodes.append(Node(operator, inputs, output, attributes))
        return output

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(values, dtype)
        return name

    def linear(self, value: str, weight: Array, bias: Array) -> str:
        product = self.add("MatMul", value, self.constant(np.ascontiguousarray(weight.T)))
        return self.add("Add", product, self.constant(bias))

    def norm(self, value: str, weight: Array, bias: Array) -> str:
        return self.add(
            "LayerNormalization",
            value,
            self.constant(weight),
            self.constant(bias),
            axis=2,
            epsilon=1e-6,
        )

    def shaped(self, value: str, *sizes: int) -> str:
        return self.add("Reshape", value, self.constant(sizes, np.int64))

    def gelu(self, value: str) -> str:
        """The one with the hyperbolic tangent, as exporters write it."""
        cube = self.add("Pow", value, self.constant(3.0))
        inner = self.add("Add", value, self.add("Mul", cube, self.constant(0.044715)))
        bent = self.add("Tanh", self.add("Mul", inner, self.constant(0.7978845608028654)))
        half = self.add("Mul", value, self.constant(0.5))
        return self.add("Mul", half, self.add("Add", bent, self.constant(1.0)))


def graph(tensors: Mapping[str, Array], depth: int) -> bytes:
    """The network as ONNX."""
    net = _Graph()
    scaled = net.add("Mul", "input", net.constant(1 / 127.5))
    planes = net.add("Transpose", net.add("Sub", scaled, net.constant(1.0)), perm=[0, 3, 1, 2])
    patches = net.add(
        "Conv",
        planes,
        net.constant(tensors["patch_embed.proj.weight"]),
        net.constant(tensors["patch_embed.proj.bias"]),
        kernel_shape=[PATCH, PATCH],
        strides=[PATCH, PATCH],
    )
    tokens = net.add("Transpose", net.shaped(patches, 0, WIDTH, TOKENS), perm=[0, 2, 1])
    value = net.add("Add", tokens, net.constant(tensors["pos_embed"]))
    for at in range(depth):
        prefix = f"blocks.{at}."
        own = {
            name.removeprefix(prefix): one
            for name, one in tensors.items()
            if name.startswith(prefix)
        }
        value = _block(net, value, own)
    value = net.norm(value, tensors["norm.weight"], tensors["norm.bias"])
    pooled = net.add("ReduceMean", value, axes=[1], keepdims=0)
    logits = net.linear(pooled, tensors["head.weight"], tensors["head.bias"])
    net.nodes.append(Node("Sigmoid", [logits], "output"))
    taken: list[int | str] = ["batch_size", SIDE, SIDE, 3]
    return onnx_model(net.nodes, net.constants, ("input", taken), ("output", ["batch_size", TAGS]))


def _block(net: _Graph, value: str, own: Mapping[str, Array]) -> str:
    def linear(source: str, name: str) -> str:
        return net.linear(source, own[f"{name}.weight"], own[f"{name}.bias"])

    def norm(source: str, name: str) -> str:
        return net.norm(source, own[f"{name}.weight"], own[f"{name}.bias"])

    joined = net.shaped(linear(norm(value, "norm1"), "attn.qkv"), 0, TOKENS, 3, HEADS, EACH)
    parts = [net.add("Gather", joined, net.constant(at, np.int64), axis=2) for at in range(3)]
    query, value_part = (net.add("Transpose", parts[at], perm=[0, 2, 1, 3]) for at in (0, 2))
    key = net.add("Transpose", parts[1], perm=[0, 2, 3, 1])
    weighed = net.add("Mul", net.add("MatMul", query, key), net.constant(EACH**-0.5))
    mixed = net.add("MatMul", net.add("Softmax", weighed, axis=3), value_part)
    back = net.shaped(net.add("Transpose", mixed, perm=[0, 2, 1, 3]), 0, TOKENS, WIDTH)
    value = net.add("Add", value, linear(back, "attn.proj"))
    inner = net.gelu(linear(norm(value, "norm2"), "mlp.fc1"))
    return net.add("Add", value, linear(inner, "mlp.fc2"))
