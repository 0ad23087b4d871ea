"""SigLIP's vision transformer with a tagging head, as timm names its tensors.

The same arithmetic as timm's `vit_so400m_patch14_siglip_384` (exact GELU, attention pooling, no
class token), without timm's import, which costs a worker three times as much as torch's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPSILON = 1e-6
HEADS = {1152: 16}
"""Width -> attention heads, where it is not one for each 64 channels."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Everything that a checkpoint's tensors say about the network."""

    width: int
    depth: int
    heads: int
    hidden: int
    pooled_hidden: int
    patch: int
    grid: int
    outputs: int
    gated: bool

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Shape:
        """Read it; raises `KeyError` naming the first tensor that is missing."""
        width = tensors["patch_embed.proj.weight"].shape[0]
        blocks = {int(name.split(".")[1]) for name in tensors if name.startswith("blocks.")}
        head = "head.linear" if "head.linear.weight" in tensors else "head"
        return cls(
            width=width,
            depth=len(blocks),
            heads=HEADS.get(width, max(1, width // 64)),
            hidden=tensors["blocks.0.mlp.fc1.weight"].shape[0],
            pooled_hidden=tensors["attn_pool.mlp.fc1.weight"].shape[0],
            patch=tensors["patch_embed.proj.weight"].shape[2],
            grid=round(tensors["pos_embed"].shape[1] ** 0.5),
            outputs=tensors[f"{head}.weight"].shape[0],
            gated=head == "head.linear",
        )

    @property
    def picture(self) -> int:
        """Side of the picture that it takes: the 6 pixels that 384 leaves over are not seen."""
        return 384 if (self.patch, self.grid) == (14, 27) else self.patch * self.grid


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, values: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(values)))


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, width * 3)
        self.proj = nn.Linear(width, width)

    def forward(self, values: Tensor) -> Tensor:
        batch, tokens, width = values.shape
        split = self.qkv(values).reshape(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))


class _Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width, NORM_EPSILON)
        self.attn = _Attention(shape.width, shape.heads)
        self.norm2 = nn.LayerNorm(shape.width, NORM_EPSILON)
        self.mlp = _Mlp(shape.width, shape.hidden)

    def forward(self, values: Tensor) -> Tensor:
        values = values + self.attn(self.norm1(values))
        return values + self.mlp(self.norm2(values))


class _Pool(nn.Module):
    """One learned query looks at all tokens."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.latent = nn.Parameter(torch.empty(1, 1, width))
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, width * 2)
        self.proj = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, NORM_EPSILON)
        self.mlp = _Mlp(width, shape.pooled_hidden)

    def forward(self, values: Tensor) -> Tensor:
        batch, tokens, width = values.shape
        each = width // self.heads
        query = self.q(self.latent.expand(batch, -1, -1)).reshape(batch, 1, self.heads, each)
        split = self.kv(values).reshape(batch, tokens, 2, self.heads, each)
        key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query.transpose(1, 2), key, value)
        pooled = self.proj(mixed.transpose(1, 2).reshape(batch, 1, width))
        return (pooled + self.mlp(self.norm(pooled)))[:, 0]


class _PatchEmbed(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, shape.width, shape.patch, shape.patch)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.proj(pictures).flatten(2).transpose(1, 2)


class _GatedHead(nn.Module):
    """PILOT2: one half says how likely a tag is, the other whether it may be said at all."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.linear = nn.Linear(shape.width, shape.outputs)

    def forward(self, values: Tensor) -> Tensor:
        likely, gate = self.linear(values).float().chunk(2, dim=1)
        return likely.sigmoid() * gate.sigmoid()


class _PlainHead(nn.Linear):
    def forward(self, values: Tensor) -> Tensor:
        return super().forward(values).float().sigmoid()


class SiglipTagger(nn.Module):
    """Pictures (batch, 3, side, side) in -1..1 -> probabilities (batch, tags), float32."""

    def __init__(self, shape: Shape) -> None:
        """Build it empty; use `torch.device("meta")` and `load_state_dict(..., assign=True)`."""
        super().__init__()
        self.patch_embed = _PatchEmbed(shape)
        self.pos_embed = nn.Parameter(torch.empty(1, shape.grid**2, shape.width))
        self.blocks = nn.Sequential(*(_Block(shape) for _ in range(shape.depth)))
        self.norm = nn.LayerNorm(shape.width, NORM_EPSILON)
        self.attn_pool = _Pool(shape)
        head = _GatedHead(shape) if shape.gated else _PlainHead(shape.width, shape.outputs)
        self.head: nn.Module = head

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed, attend, pool, score."""
        tokens = self.patch_embed(pictures) + self.pos_embed
        return self.head(self.attn_pool(self.norm(self.blocks(tokens))))
