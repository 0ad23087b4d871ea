"""Small repositories with the file names of the real ones, one for each model of the registry.

Nothing in them is a real weight: tensors hold seeded pseudo-random bytes behind valid headers.
Where runnable ones are asked for, the models that engines run get tiny checkpoints that load.
At scale 1 a large file has about a thousandth of the real one's bytes, half a megabyte at least,
and small detectors more than their share, so that there is something to watch.
What the registry's patterns leave out (`README.md`, `model.msgpack`, ...) is there as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.standins.checkpoints import (
    ONNX_HEAD,
    ZIP_HEAD,
    Files,
    json_file,
    names,
    pattern,
    safetensors,
    shards,
    tokenizer,
    weights,
)
from tests.standins.hub.interface import HubInterface
from tests.standins.hub.repos import RepoType
from tests.standins.tiny_models import files_of

JTP2 = "JTP_PILOT2/JTP_PILOT2-e3-vit_so400m_patch14_siglip_384.safetensors"


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository of the demonstration hub; `files` makes its files at a scale."""

    repo_id: str
    license: str | None
    library: str | None
    files: Callable[[float], Files]
    repo_type: RepoType = "model"
    commit: str | None = None
    gated: bool = False


def seed(hub: HubInterface, *, scale: float = 1.0, runnable: bool = False) -> None:
    """Declare all repositories on `hub`; a larger scale makes its large files larger.

    `runnable` puts tiny models into the repositories that engines read.
    """
    for repository in REPOSITORIES:
        tiny = _tiny_models(repository.repo_id) if runnable else {}
        hub.add_repo(
            repository.repo_id,
            {**(tiny or repository.files(scale)), "README.md": _readme(repository)},
            repo_type=repository.repo_type,
            license=repository.license,
            library=repository.library,
            commit=repository.commit,
            gated=repository.gated,
        )


def _tiny_models(repo_id: str) -> Files:
    """Files that load and answer, under the names of the published ones; none for other models."""
    found: Files = {}
    for name in RUNNABLE.get(repo_id, ()):
        found.update(files_of(name))
    return found


def _readme(repository: Repository) -> bytes:
    name = repository.repo_id.split("/")[1]
    told = f"license: {repository.license}\n" if repository.license else ""
    return f"---\n{told}---\n# {name}\n\nA small generated stand-in.\n".encode()


def _jtp2(scale: float) -> Files:
    tags = {name: number for number, name in enumerate(names(200))}
    tensors = ["patch_embed.proj.weight", "pos_embed", "norm.weight", "head.linear.weight"]
    older = "JTP_PILOT/JTP_PILOT-e4-vit_so400m_patch14_siglip_384.safetensors"
    return {
        JTP2: safetensors(tensors, weights(1_796_700_000, scale), file=JTP2),
        "JTP_PILOT2/tags.json": json_file(tags),
        "JTP_PILOT2/inference_gradio.py": b"# not executed by anyone\n",
        older: safetensors(tensors[:3], weights(1_755_000_000, scale), file=older),
        "JTP_PILOT/tags.json": json_file(tags),
    }


def _wd(repo: str, onnx_bytes: int, *, second: bool = False) -> Callable[[float], Files]:
    def files(scale: float) -> Files:
        common: Files = {
            "config.json": json_file({"architecture": repo, "num_classes": 204}),
            "model.onnx": pattern(f"{repo}/model.onnx", onnx_bytes, scale, ONNX_HEAD),
            "selected_tags.csv": _tag_table(),
            "sw_jax_cv_config.json": json_file({"image_size": 448}),
        }
        if second:
            return {**common, "saved_model.pb": b"\x08\x01", "keras_metadata.pb": b"\n\x00"}
        tensors = ["head.weight", "head.bias", "blocks.0.norm1.weight"]
        whole = weights(onnx_bytes, scale)
        return {
            **common,
            "model.msgpack": pattern(f"{repo}/model.msgpack", onnx_bytes, scale),
            "model.safetensors": safetensors(tensors, whole, file=f"{repo}/model.safetensors"),
        }

    return files


def _tag_table() -> bytes:
    rows = [(9999990 + n, name, 9) for n, name in enumerate(_RATINGS)]
    rows += [(n, name, 0) for n, name in enumerate(names(160))]
    rows += [(n + 500_000, f"character_{n}_(series)", 4) for n in range(40)]
    lines = [
        f"{number},{name},{category},{1000 - n}" for n, (number, name, category) in enumerate(rows)
    ]
    return ("tag_id,name,category,count\n" + "\n".join(lines) + "\n").encode()


def _florence(repo: str, real_bytes: int) -> Callable[[float], Files]:
    def files(scale: float) -> Files:
        tensors = ["model.vision_tower.convs.0.conv.weight", "model.language_model.shared.weight"]
        whole = weights(real_bytes, scale)
        return {
            "config.json": json_file({"model_type": "florence2", "image_token_id": 51289}),
            "generation_config.json": json_file({"num_beams": 3, "early_stopping": False}),
            "model.safetensors": safetensors(tensors, whole, file=f"{repo}/model.safetensors"),
            "preprocessor_config.json": json_file({"size": {"height": 768, "width": 768}}),
            "processor_config.json": json_file({"processor_class": "Florence2Processor"}),
            **tokenizer(repo, 1_355_000, scale),
            "vocab.json": json_file({name: n for n, name in enumerate(names(50))}),
            "merges.txt": b"#version: 0.2\na b\n",
            "added_tokens.json": json_file({"<loc_0>": 50269}),
        }

    return files


def _joycaption(scale: float) -> Files:
    sizes = [4_910_000_000, 5_000_000_000, 4_920_000_000, 3_030_000_000]
    tensors = [f"model.language_model.layers.{n}.self_attn.q_proj.weight" for n in range(8)]
    return {
        "config.json": json_file({"model_type": "llava", "image_token_index": 128077}),
        "generation_config.json": json_file({"temperature": 0.6, "top_p": 0.9}),
        "preprocessor_config.json": json_file({"size": {"height": 384, "width": 384}}),
        "chat_template.jinja": b"{% for message in messages %}{{ message.content }}{% endfor %}",
        **tokenizer("joycaption", 9_090_000, scale),
        **shards("joycaption", tensors, sizes, scale),
        "LLAMA_LICENSE": b"Llama 3.1 Community License\n",
        "LLAMA_USE_POLICY.md": b"# Policy\n",
    }


def _yolo(scale: float) -> Files:
    sizes = {"n": 5_613_764, "s": 19_313_732, "m": 40_684_120, "l": 51_387_343, "x": 114_636_239}
    return {
        f"yolo11{letter}.pt": pattern(f"yolo11{letter}.pt", size * 20, scale, ZIP_HEAD)
        for letter, size in sizes.items()
    }


def _watermark(scale: float) -> Files:
    yolo, owl = "yolo11x-train28-best.pt", "far5y1y5-8000.pt"
    return {
        "app.py": b"# not executed by anyone\n",
        "requirements.txt": b"torch\n",
        yolo: pattern(yolo, 114_512_018 * 5, scale, ZIP_HEAD),
        owl: pattern(owl, 358_400_000 * 5, scale, ZIP_HEAD),
    }


def _dreamon(scale: float) -> Files:
    sizes = [4_880_000_000, 4_930_000_000, 4_330_000_000, 1_090_000_000]
    tensors = [f"model.layers.{n}.self_attn.q_proj.weight" for n in range(8)]
    return {
        "config.json": json_file({"model_type": "Dream", "mask_token_id": 151666}),
        "generation_config.json": json_file({"pad_delete_to_right": False}),
        "configuration_dream.py": b"# not executed by anyone\n",
        "modeling_dream.py": b"# not executed by anyone\n",
        "generation_utils.py": b"# not executed by anyone\n",
        "tokenization_dream.py": b"# not executed by anyone\n",
        "vocab.json": json_file({name: n for n, name in enumerate(names(50))}),
        "merges.txt": b"#version: 0.2\na b\n",
        **tokenizer("dreamon", 7_000_000, scale),
        **shards("dreamon", tensors, sizes, scale),
    }


def _llada(scale: float) -> Files:
    sizes = [2_110_000_000, 2_950_000_000, 2_990_000_000, 2_950_000_000, 2_920_000_000]
    tensors = [f"model.transformer.blocks.{n}.q_proj.weight" for n in range(12)]
    return {
        "config.json": json_file({"model_type": "llada", "mask_token_id": 126336}),
        "generation_config.json": json_file({"use_cache": False}),
        "configuration_llada.py": b"# not executed by anyone\n",
        "modeling_llada.py": b"# not executed by anyone\n",
        **tokenizer("llada", 6_100_000, scale),
        **shards("llada", tensors, [*sizes, 2_110_000_000], scale),
    }


def _tiny(scale: float) -> Files:
    whole = weights(20_000_000, scale)
    file = safetensors(["weight"], whole, file="tiny/model.safetensors")
    return {"config.json": json_file({"model_type": "tiny"}), "model.safetensors": file}


RUNNABLE = {
    "RedRocket/JointTaggerProject": ("jtp2",),
    "SmilingWolf/wd-vit-tagger-v3": ("wdv3-vit",),
    "SmilingWolf/wd-swinv2-tagger-v3": ("wdv3-swinv2",),
    "SmilingWolf/wd-convnext-tagger-v3": ("wdv3-convnext",),
    "SmilingWolf/wd-v1-4-convnextv2-tagger-v2": ("wdv3-convnextv2",),
    "florence-community/Florence-2-base": ("florence2-base",),
    "florence-community/Florence-2-base-ft": ("florence2-base-ft",),
    "florence-community/Florence-2-large": ("florence2-large",),
    "florence-community/Florence-2-large-ft": ("florence2-large-ft",),
    "fancyfeast/llama-joycaption-beta-one-hf-llava": ("joycaption",),
    "Ultralytics/YOLO11": tuple(f"yolo-{size}" for size in "nsmlx"),
    "fancyfeast/joycaption-watermark-detection": ("watermark-yolo", "watermark-owlv2"),
}
"""Repository -> the tiny models whose files it gets."""

_RATINGS = ("general", "sensitive", "questionable", "explicit")

REPOSITORIES: tuple[Repository, ...] = (
    Repository("RedRocket/JointTaggerProject", "apache-2.0", "timm", _jtp2),
    Repository(
        "SmilingWolf/wd-vit-tagger-v3",
        "apache-2.0",
        "timm",
        _wd("wd-vit", 379_000_000),
        commit="7f6b584d0bd3f55c4531f14ba3d4761b2bccdc0f",
    ),
    Repository(
        "SmilingWolf/wd-swinv2-tagger-v3",
        "apache-2.0",
        "timm",
        _wd("wd-swinv2", 467_000_000),
        commit="805ca9892b4fdfbe3f06f9de3f0a07b3da8637ed",
    ),
    Repository(
        "SmilingWolf/wd-convnext-tagger-v3",
        "apache-2.0",
        "timm",
        _wd("wd-convnext", 395_000_000),
        commit="d39e46de298d27340111b64965e20b8185c407e6",
    ),
    Repository(
        "SmilingWolf/wd-v1-4-convnextv2-tagger-v2",
        "apache-2.0",
        None,
        _wd("wd-convnextv2", 390_000_000, second=True),
    ),
    Repository(
        "florence-community/Florence-2-base",
        "mit",
        "transformers",
        _florence("base", 464_000_000),
    ),
    Repository(
        "florence-community/Florence-2-base-ft",
        "mit",
        "transformers",
        _florence("base-ft", 464_000_000),
    ),
    Repository(
        "florence-community/Florence-2-large",
        "mit",
        "transformers",
        _florence("large", 1_553_541_016),
        commit="4271c66b88cdbc05735372ec13b2360108de5317",
    ),
    Repository(
        "florence-community/Florence-2-large-ft",
        "mit",
        "transformers",
        _florence("large-ft", 1_553_541_016),
    ),
    Repository("fancyfeast/llama-joycaption-beta-one-hf-llava", None, "transformers", _joycaption),
    Repository(
        "Ultralytics/YOLO11",
        "agpl-3.0",
        "ultralytics",
        _yolo,
        commit="a01aaa06caeff788b052e193acb76b3f21571b3a",
    ),
    Repository(
        "fancyfeast/joycaption-watermark-detection", None, None, _watermark, repo_type="space"
    ),
    Repository(
        "Dream-org/DreamOn-v0-7B",
        "apache-2.0",
        "transformers",
        _dreamon,
        commit="8ccc74750e43177327f29dab9e91882ba759e194",
    ),
    Repository(
        "GSAI-ML/LLaDA-8B-Instruct",
        "mit",
        "transformers",
        _llada,
        commit="08b83a6feb34df1a6011b80c3c00c7563e963b07",
    ),
    Repository("demo-lab/tiny-tagger", "mit", "timm", _tiny),
    Repository("demo-lab/gated-captioner", "other", "transformers", _tiny, gated=True),
)
