"""Small byte-level vocabularies, written as tokenizer.json without transformers."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

TEXT = (
    "What does the image describe? What is the text in the image, with regions?",
    "Describe in detail what is shown in the image. Locate the objects with category name.",
    "Write a long detailed description for this image. You are a helpful image captioner.",
    "a small picture of a cat on a red chair beside the window, person car dog tree sky",
)


def byte_level(specials: Sequence[str], size: int) -> Tokenizer:
    """Specials first, then bytes and merges; at most `size` tokens."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(specials),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return tokenizer


def with_tokens(tokenizer: Tokenizer, texts: Sequence[str]) -> Tokenizer:
    """The same with tokens appended, none of them cut apart."""
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in texts])
    return tokenizer


def as_json(tokenizer: Tokenizer) -> bytes:
    """The file's bytes."""
    return tokenizer.to_str(pretty=False).encode()
