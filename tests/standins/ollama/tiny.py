"""A language model of the llama architecture that is tiny and says what is known beforehand.

Its only block adds nothing, so the next token follows from the last one alone: whatever the
question ends with, the answer begins, and each of its words leads to the next, the last one to
the end. After a question that ends with `ENDLESS` the words of `ROUND` never end.
"""

from __future__ import annotations

import functools

import numpy as np

from tests.standins.ollama import gguf

ANSWER = "A tiny model bids you a very good day ."
ROUND = "and so on"
ENDLESS = "…"
CONTEXT_LENGTH = 40_960

_WIDTH = 32
_CERTAINTY = 12.0
"""How much likelier than any other token the next one is, as a factor of its logit."""
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_SPECIAL = ("<unk>", "<s>", "</s>")
_END = 2


@functools.cache
def tiny_llama() -> bytes:
    """The model as a GGUF file of about a hundred kilobytes."""
    return gguf.write(_facts(), _tensors())


def _words(text: str) -> list[str]:
    return [f"▁{word}" for word in text.split()]


def _tokens() -> list[str]:
    """The special tokens, one for each byte, the mark, and the words."""
    single = [f"<0x{number:02X}>" for number in range(256)]
    return [*_SPECIAL, *single, ENDLESS, *_spoken()]


def _spoken() -> list[str]:
    """The words that the model says; the answer's in order, then the round's."""
    return [*_words(ANSWER), *(f"{word}▁" for word in _words(ROUND))]


def _facts() -> dict[str, gguf.Fact]:
    tokens = _tokens()
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256, *[_NORMAL] * (len(tokens) - 259)]
    sizes = {
        "context_length": CONTEXT_LENGTH,
        "embedding_length": _WIDTH,
        "block_count": 1,
        "feed_forward_length": _WIDTH,
        "attention.head_count": 1,
        "attention.head_count_kv": 1,
        "rope.dimension_count": _WIDTH,
        "vocab_size": len(tokens),
    }
    return {
        "general.architecture": "llama",
        "general.name": "tiny",
        "general.file_type": 0,
        **{f"llama.{name}": size for name, size in sizes.items()},
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [0.0] * len(tokens),
        "tokenizer.ggml.token_type": gguf.Counts(kinds),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": _END,
        "tokenizer.ggml.unknown_token_id": 0,
    }


def _tensors() -> dict[str, gguf.Matrix]:
    square, ones = np.zeros((_WIDTH, _WIDTH), np.float32), np.ones(_WIDTH, np.float32)
    block = {
        **{f"attn_{part}": square for part in ("q", "k", "v", "output")},
        **{f"ffn_{part}": square for part in ("gate", "up", "down")},
        **{f"{part}_norm": ones for part in ("attn", "ffn")},
    }
    said, follows = _chain()
    return {
        "token_embd.weight": said,
        "output_norm.weight": ones,
        "output.weight": follows,
        **{f"blk.0.{name}.weight": tensor for name, tensor in block.items()},
    }


def _chain() -> tuple[gguf.Matrix, gguf.Matrix]:
    """A direction for each token that was said, and the token that each direction asks for.

    Direction 0 is that of every question; it asks for the answer's first word.
    """
    tokens, answer = _tokens(), _words(ANSWER)
    said = np.zeros((len(tokens), _WIDTH), np.float32)
    follows = np.zeros_like(said)
    first = tokens.index(ENDLESS) + 1
    begin_round = first + len(answer)
    said[:, 0] = 1.0
    for direction, token in enumerate(range(first - 1, len(tokens)), start=1):
        said[token] = np.eye(_WIDTH)[direction]
    after = [first, begin_round, *range(first + 1, begin_round), _END]
    after += [*range(begin_round + 1, len(tokens)), begin_round]
    for direction, token in enumerate(after):
        follows[token, direction] = _CERTAINTY
    return said, follows
