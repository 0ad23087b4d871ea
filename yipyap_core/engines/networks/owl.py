"""The watermark classifier: OWLv2's vision tower and a small head, from one file of its own.

Names and arithmetic as in transformers' `Owlv2VisionModel` (CLIP's tower with quick GELU) and the
publisher's head: over all tokens, norm, 768 to 1536, GELU, maximum, norm, two logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPSILON = 1e-5
CHANNELS_PER_HEAD = 64


@dataclass(frozen=True, slots=True)
class Shape:
    """What the tensors say about the network."""

    width: int
    depth: int
    hidden: int
    patch: int
    tokens: int
    head_hidden: int

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Shape:
        """Read it; raises `KeyError` naming the first tensor that is missing."""
        tower = "owl.vision_model"
        patches = tensors[f"{tower}.embeddings.patch_embedding.weight"].shape
        prefix = f"{tower}.encoder.layers."
        layers = {name.removeprefix(prefix).split(".")[0] for name in tensors if prefix in name}
        return cls(
            width=patches[0],
            depth=len(layers),
            hidden=tensors[f"{prefix}0.mlp.fc1.weight"].shape[0],
            patch=patches[2],
            tokens=tensors[f"{tower}.embeddings.position_embedding.weight"].shape[0],
            head_hidden=tensors["linear1.weight"].shape[0],
        )

    @property
    def picture(self) -> int:
        """Side of the square picture."""
        return int(round((self.tokens - 1) ** 0.5) * self.patch)


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // CHANNELS_PER_HEAD)
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, values: Tensor) -> Tensor:
        batch, tokens, width = values.shape
        split = (batch, tokens, self.heads, width // self.heads)
        query, key, value = (
            part(values).view(split).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, tokens, width))


class _Mlp(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.fc1 = nn.Linear(shape.width, shape.hidden)
        self.fc2 = nn.Linear(shape.hidden, shape.width)

    def forward(self, values: Tensor) -> Tensor:
        hidden = self.fc1(values)
        return self.fc2(hidden * torch.sigmoid(1.702 * hidden))


class _Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(shape.width, NORM_EPSILON)
        self.self_attn = _Attention(shape.width)
        self.layer_norm2 = nn.LayerNorm(shape.width, NORM_EPSILON)
        self.mlp = _Mlp(shape)

    def forward(self, values: Tensor) -> Tensor:
        values = values + self.self_attn(self.layer_norm1(values))
        return values + self.mlp(self.layer_norm2(values))


class _Embeddings(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.empty(shape.width))
        self.patch_embedding = nn.Conv2d(3, shape.width, shape.patch, shape.patch, bias=False)
        self.position_embedding = nn.Embedding(shape.tokens, shape.width)

    def forward(self, pictures: Tensor) -> Tensor:
        patches = self.patch_embedding(pictures).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(pictures), 1, -1).to(patches.dtype)
        return torch.cat([first, patches], dim=1) + self.position_embedding.weight


class _Encoder(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(_Layer(shape) for _ in range(shape.depth)))


class _Tower(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embeddings = _Embeddings(shape)
        self.pre_layernorm = nn.LayerNorm(shape.width, NORM_EPSILON)
        self.encoder = _Encoder(shape)
        self.post_layernorm = nn.LayerNorm(shape.width, NORM_EPSILON)  # in the file, not used

    def forward(self, pictures: Tensor) -> Tensor:
        return self.encoder.layers(self.pre_layernorm(self.embeddings(pictures)))


class _Owl(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.vision_model = _Tower(shape)


class WatermarkClassifier(nn.Module):
    """Pictures (batch, 3, side, side) -> probability (batch,) that each carries a watermark."""

    def __init__(self, shape: Shape) -> None:
        """Build it empty; use `torch.device("meta")` and `load_state_dict(..., assign=True)`."""
        super().__init__()
        self.owl = _Owl(shape)
        self.ln1 = nn.LayerNorm(shape.width, NORM_EPSILON)
        self.linear1 = nn.Linear(shape.width, shape.head_hidden)
        self.ln2 = nn.LayerNorm(shape.head_hidden, NORM_EPSILON)
        self.linear2 = nn.Linear(shape.head_hidden, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        """The second of two classes is the watermark."""
        tokens = self.ln1(self.owl.vision_model(pictures))
        strongest = F.gelu(self.linear1(tokens)).amax(dim=1)
        return self.linear2(self.ln2(strongest)).float().softmax(dim=-1)[:, 1]
