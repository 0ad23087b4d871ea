"""Florence-2 from either layout; runs in the worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from yipyap_core.domain.engines import LoadPhase
from yipyap_core.engines.base import LoadReport
from yipyap_core.engines.devices import Place
from yipyap_core.engines.florence_layout import (
    COPIES,
    DROPPED,
    SHARED,
    TRANSPOSED,
    extra_tokens,
    native_config,
    native_name,
)
from yipyap_core.engines.weights import adopt, read_pickle, read_safetensors, torch_dtype
from yipyap_core.engines.writing import refuse_holes
from yipyap_core.errors import CheckpointRejected


def native_model(
    folder: Path, weights: Path, precision: str, tokenizer: Any, report: LoadReport
) -> Any:
    """The community's conversion, as transformers reads it."""
    from transformers import Florence2ForConditionalGeneration

    del tokenizer
    report.phase(LoadPhase.BUILDING)
    try:
        model, said = Florence2ForConditionalGeneration.from_pretrained(
            folder,
            dtype=torch_dtype(precision),
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise CheckpointRejected(f"{weights.name} is no Florence-2 that can be read.") from error
    refuse_holes(said)
    return model.eval()


def legacy_model(
    folder: Path, weights: Path, precision: str, tokenizer: Any, report: LoadReport
) -> Any:
    """Microsoft's layout: names mapped, vocabulary completed, one token added for the picture."""
    import torch
    from transformers import Florence2Config, Florence2ForConditionalGeneration

    tensors = _legacy_tensors(weights, report)
    report.phase(LoadPhase.BUILDING, weights.stat().st_size)
    vocabulary = tensors[SHARED].shape[0]
    _complete(tokenizer, vocabulary, folder)
    tensors[SHARED] = torch.cat([tensors[SHARED], torch.zeros_like(tensors[SHARED][:1])])
    tensors.update({name: tensors[SHARED] for name in COPIES})
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = Florence2ForConditionalGeneration(
        Florence2Config(**native_config(settings, vocabulary))
    )
    adopt(model, {name: value.float() for name, value in tensors.items()}, weights.name)
    model.tie_weights()
    _set_generation(model.generation_config, vocabulary)
    return model.to(torch_dtype(precision))


def _legacy_tensors(weights: Path, report: LoadReport) -> dict[str, Any]:
    if weights.suffix == ".safetensors":
        tensors = read_safetensors(weights, report, Place("cpu"), "fp32")
    else:
        tensors = read_pickle(weights)
    if TRANSPOSED not in tensors or "language_model.model.shared.weight" not in tensors:
        raise CheckpointRejected(f"{weights.name} is no Florence-2 in Microsoft's layout.")
    tensors[TRANSPOSED] = tensors[TRANSPOSED].T.contiguous()
    kept = {native_name(name): value for name, value in tensors.items() if name not in DROPPED}
    return {name: value for name, value in kept.items() if name not in COPIES and _known(name)}


def _known(name: str) -> bool:
    return name.startswith("model.")


def _complete(tokenizer: Any, vocabulary: int, folder: Path) -> None:
    """Add the places and marks that Microsoft's processor adds when it is constructed."""
    from tokenizers import AddedToken

    if tokenizer.get_vocab_size() < vocabulary:
        tokenizer.add_tokens(
            [AddedToken(text, special=False, normalized=False) for text in extra_tokens()]
        )
    if tokenizer.get_vocab_size() != vocabulary:
        raise CheckpointRejected(
            f"{folder.name}: the tokenizer has {tokenizer.get_vocab_size()} tokens"
            f" and the weights {vocabulary}."
        )


def _set_generation(generation: Any, picture_token: int) -> None:
    """Microsoft's own settings, and never the token that stands for the picture."""
    generation.update(
        decoder_start_token_id=2,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        forced_bos_token_id=0,
        forced_eos_token_id=2,
        no_repeat_ngram_size=3,
        early_stopping=False,
        suppress_tokens=[picture_token],
    )
