"""Llava and Llama in the worker: the chat, its one picture, streaming, and quantized loading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yipyap_core.engines.base import Prepared
from yipyap_core.engines.devices import Place
from yipyap_core.engines.joycaption_prompts import system_prompt
from yipyap_core.engines.weights import torch_dtype
from yipyap_core.errors import CheckpointRejected, EngineUnavailable

if TYPE_CHECKING:
    from yipyap_core.engines.families.joycaption import Question

KEPT_EXACT = ["model.vision_tower", "model.multi_modal_projector", "lm_head"]
"""Never quantized: SigLIP breaks when its weights are packed. Names as transformers 5 has them."""


class Unwanted:
    """Stops a generation that nobody in the batch waits for any more."""

    def __init__(self, batch: Sequence[Prepared]) -> None:
        """Watch these requests."""
        self._batch = batch

    def __call__(self, tokens: Any, scores: Any, **_: Any) -> Any:
        """Asked by transformers after each token."""
        import torch

        del scores
        unwanted = all(one.job.cancelled() for one in self._batch)
        return torch.full((len(tokens),), unwanted, dtype=torch.bool, device=tokens.device)


class Telling:
    """Hands text on as it is written, whole characters only."""

    def __init__(self, tokenizer: Any, emit: Callable[[str], None]) -> None:
        """Decode with the tokenizer and hand pieces to `emit`."""
        self._tokenizer = tokenizer
        self._emit = emit
        self._tokens: list[int] = []
        self._told = ""
        self._is_prompt = True

    def put(self, tokens: Any) -> None:
        """Take the next token; the first call brings the prompt."""
        if self._is_prompt:
            self._is_prompt = False
            return
        self._tokens += tokens.reshape(-1).tolist()
        text = self._tokenizer.decode(self._tokens, skip_special_tokens=True)
        if not text.endswith("\ufffd"):
            self._tell(text)

    def end(self) -> None:
        """Tell what was held back."""
        self._tell(self._tokenizer.decode(self._tokens, skip_special_tokens=True))

    def _tell(self, text: str) -> None:
        if len(text) > len(self._told):
            self._emit(text[len(self._told) :])
            self._told = text


def words_and_picture(tokenizer: Any, config: Any, question: Question) -> list[int]:
    """The chat as tokens, with as many picture tokens as the eye has patches.

    Raises `EngineUnavailable` unless there is exactly one beginning of text and one block of
    picture tokens: with more the model answers, but badly.
    """
    chat = [
        {"role": "system", "content": system_prompt()},
        {"role": "user", "content": question.prompt.strip()},
    ]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    short = tokenizer(text, add_special_tokens=False)["input_ids"]
    picture, patches = config.image_token_index, config.image_seq_length
    if short.count(picture) != 1 or short.count(tokenizer.bos_token_id) != 1:
        raise EngineUnavailable(
            "The chat template gives"
            f" {short.count(tokenizer.bos_token_id)} beginnings of text and"
            f" {short.count(picture)} pictures; one of each was expected."
        )
    at = short.index(picture)
    return [*short[:at], *[picture] * patches, *short[at + 1 :]]


def left_padded(rows: Sequence[Sequence[int]], padding: int) -> tuple[Any, Any]:
    """Tokens and mask of one length, filled on the left so that all rows end together."""
    import torch

    longest = max(len(row) for row in rows)
    tokens = [[padding] * (longest - len(row)) + list(row) for row in rows]
    mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(tokens), torch.tensor(mask)


def read_tokenizer(folder: Path) -> Any:
    """Llama's tokenizer with its chat template."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointRejected("The tokenizer's files cannot be read.") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def read_llava(folder: Path, precision: str, place: Place) -> Any:
    """The model on its device, in bfloat16 or quantized."""
    from transformers import LlavaForConditionalGeneration

    options: dict[str, Any] = {"dtype": torch_dtype("bf16"), "local_files_only": True}
    if precision != "bf16":
        options["quantization_config"] = quantization(precision)
    try:
        model, said = LlavaForConditionalGeneration.from_pretrained(
            folder, device_map={"": place.device}, output_loading_info=True, **options
        )
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointRejected("These files are no JoyCaption that can be read.") from error
    refuse_holes(said)
    return model.eval()


def refuse_holes(said: Mapping[str, Any]) -> None:
    """Transformers fills what a file lacks with random numbers; we raise `CheckpointRejected`."""
    missing = sorted(said["missing_keys"])
    if missing:
        raise CheckpointRejected(
            f"The files lack {len(missing)} tensors, the first of them {missing[0]}."
        )


def quantization(precision: str) -> Any:
    """bitsandbytes' settings for `int8` and `nf4`, the eye left alone."""
    from transformers import BitsAndBytesConfig

    if precision == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=KEPT_EXACT)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch_dtype("bf16"),
        llm_int8_skip_modules=KEPT_EXACT,
    )
