"""Joint Taggers: timm's names for SigLIP so400m, PILOT2's gated head and PILOT1's plain one."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.standins.tiny_models.tensors import linear, norm, random_tensors, safetensors

MODEL = "JTP_PILOT2/JTP_PILOT2-e3-vit_so400m_patch14_siglip_384.safetensors"
WIDTH, DEPTH, HIDDEN, PATCH, GRID = 128, 2, 160, 14, 3
TAGS = (
    "solo",
    "anthro",
    "blue_eyes",
    "looking_at_viewer",
    "black_nose",
    "hi_res",
    "simple_background",
    "text",
    "english_text",
    "smile",
    "tail",
    "outside",
    "water_(element)",
    "canid",
    "felid",
    "standing",
    "sitting",
    "holding_object",
    "fluffy_tail",
    "digital_media_(artwork)",
)


def jtp2_files(tags: tuple[str, ...] = TAGS) -> dict[str, bytes]:
    """The published folder: one safetensors and tags.json."""
    shapes = dict(_body()) | dict(linear("head.linear", 2 * len(tags), WIDTH))
    return {
        MODEL: safetensors(random_tensors(shapes, seed=11)),
        "JTP_PILOT2/tags.json": json.dumps({tag: at for at, tag in enumerate(tags)}).encode(),
    }


def pilot1_files() -> dict[str, bytes]:
    """The elder sibling: a plain head, tags with spaces, not in the order of their places."""
    shapes = dict(_body()) | dict(linear("head", len(TAGS), WIDTH))
    index = {tag.replace("_", " "): at for at, tag in reversed(list(enumerate(TAGS)))}
    return {
        "JTP_PILOT/JTP_PILOT-e4-vit_so400m_patch14_siglip_384.safetensors": safetensors(
            random_tensors(shapes, seed=12)
        ),
        "JTP_PILOT/tags.json": json.dumps(index).encode(),
    }


def _body() -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "patch_embed.proj.weight", (WIDTH, 3, PATCH, PATCH)
    yield "patch_embed.proj.bias", (WIDTH,)
    yield "pos_embed", (1, GRID**2, WIDTH)
    for at in range(DEPTH):
        yield from _block(f"blocks.{at}")
    yield from norm("norm", WIDTH)
    yield "attn_pool.latent", (1, 1, WIDTH)
    yield from linear("attn_pool.q", WIDTH, WIDTH)
    yield from linear("attn_pool.kv", 2 * WIDTH, WIDTH)
    yield from linear("attn_pool.proj", WIDTH, WIDTH)
    yield from norm("attn_pool.norm", WIDTH)
    yield from linear("attn_pool.mlp.fc1", HIDDEN, WIDTH)
    yield from linear("attn_pool.mlp.fc2", WIDTH, HIDDEN)


def _block(name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from norm(f"{name}.norm1", WIDTH)
    yield from linear(f"{name}.attn.qkv", 3 * WIDTH, WIDTH)
    yield from linear(f"{name}.attn.proj", WIDTH, WIDTH)
    yield from norm(f"{name}.norm2", WIDTH)
    yield from linear(f"{name}.mlp.fc1", HIDDEN, WIDTH)
    yield from linear(f"{name}.mlp.fc2", WIDTH, HIDDEN)
