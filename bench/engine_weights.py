"""Checkpoints of real size with random weights, in the published layouts."""

from __future__ import annotations

import json
from pathlib import Path

TAGS = 9083
WIDTH, HIDDEN, PATCH, GRID = 1152, 4304, 14, 27
MODEL = "JTP_PILOT2/JTP_PILOT2-e3-vit_so400m_patch14_siglip_384.safetensors"


def write_joint_tagger(folder: Path, *, depth: int) -> Path:
    """The published folder: 1.8 GB of float32 at depth 27."""
    import torch
    from safetensors.torch import save_file

    from yipyap_core.engines.networks.siglip import Shape, SiglipTagger

    torch.manual_seed(0)
    shape = Shape(WIDTH, depth, 16, HIDDEN, HIDDEN, PATCH, GRID, 2 * TAGS, gated=True)
    network = SiglipTagger(shape)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if value.dim() > 1:
                value.normal_(0, 0.04 if name.startswith("head") else 0.02)
    (folder / "JTP_PILOT2").mkdir(parents=True)
    save_file(network.state_dict(), str(folder / MODEL))
    tags = {f"tag_{at}": at for at in range(TAGS)}
    (folder / "JTP_PILOT2/tags.json").write_text(json.dumps(tags), encoding="utf-8")
    return folder


def write_llava(folder: Path) -> Path:
    """JoyCaption's files with 2 GB of bfloat16: Llama's real width and a few of its blocks."""
    import torch
    from safetensors.torch import save_file
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    from bench.gpu_networks import real_llava
    from tests.standins.tiny_models import files_of, put_into_folder

    files = {
        name: content
        for name, content in files_of("joycaption").items()
        if not name.startswith("model")
    }
    put_into_folder(folder, files)
    settings = real_llava(json.loads(files["config.json"]))
    settings["text_config"] |= {"num_hidden_layers": 3, "vocab_size": 4096}
    torch.set_default_dtype(torch.bfloat16)
    network = LlavaForConditionalGeneration(LlavaConfig(**settings))
    torch.set_default_dtype(torch.float32)
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, str(folder / "model.safetensors"), {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder
