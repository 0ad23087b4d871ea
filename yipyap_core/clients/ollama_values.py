"""What the official library returns, as values of ours.

The library believes nearly everything; whoever raises `ValueError` here says that it is not Ollama
that answers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from yipyap_core.clients.ollama_faults import readable
from yipyap_core.domain.ollama import (
    ChatChunk,
    LoadedModel,
    OllamaDetails,
    OllamaModel,
    PullFrame,
)

if TYPE_CHECKING:
    import ollama

MOST_BYTES = 1 << 60
LONGEST_VERSION = 100
LAST_YEAR = 9998
"""A moment after it has no place in the time zones to its east."""


def version(document: Any) -> str:
    """The version that the service tells."""
    found = document["version"]
    if not isinstance(found, str) or not 0 < len(found) <= LONGEST_VERSION:
        raise ValueError("not a version")
    return _printable(found)


def models(found: Sequence[ollama.ListResponse.Model]) -> list[OllamaModel]:
    """The list of installed models, each name once."""
    return list({one.name: one for one in map(_model, found)}.values())


def loaded(found: Sequence[ollama.ProcessResponse.Model]) -> list[LoadedModel]:
    """The list of models in memory, each name once."""
    return list({one.name: one for one in map(_loaded, found)}.values())


def frame(found: ollama.ProgressResponse) -> PullFrame:
    """One line of a pull's stream."""
    return PullFrame(
        status=readable(found.status or ""),
        digest=readable(found.digest) if found.digest else None,
        total_bytes=_amount(found.total),
        completed_bytes=_amount(found.completed),
    )


def details(name: str, found: ollama.ShowResponse) -> OllamaDetails:
    """What the service says of one model."""
    about, facts = found.details, found.modelinfo or {}
    context = next((value for key, value in facts.items() if key.endswith("context_length")), None)
    return OllamaDetails(
        name=name,
        modified_at=_aware(found.modified_at),
        family=_word(about.family) if about else None,
        parameter_size=_word(about.parameter_size) if about else None,
        quantization=_word(about.quantization_level) if about else None,
        format=_word(about.format) if about else None,
        capabilities=tuple(map(readable, found.capabilities or ())),
        context_length=context if isinstance(context, int) else None,
        template=readable(found.template or ""),
        parameters=readable(found.parameters or ""),
        license=readable(found.license or ""),
        modelfile=readable(found.modelfile or ""),
    )


def chunk(part: ollama.ChatResponse) -> ChatChunk:
    """One piece of an answer."""
    nanoseconds = part.eval_duration
    return ChatChunk(
        text=readable(part.message.content or ""),
        thinking=readable(part.message.thinking or ""),
        done=bool(part.done),
        eval_count=part.eval_count,
        eval_seconds=nanoseconds / 1e9 if nanoseconds else None,
    )


def _model(found: ollama.ListResponse.Model) -> OllamaModel:
    about = found.details
    return OllamaModel(
        name=_printable(found.model),
        size_bytes=_bytes(found.size or 0),
        modified_at=_aware(found.modified_at),
        digest=readable(found.digest or "").removeprefix("sha256:"),
        family=_word(about.family) if about else None,
        parameter_size=_word(about.parameter_size) if about else None,
        quantization=_word(about.quantization_level) if about else None,
    )


def _loaded(found: ollama.ProcessResponse.Model) -> LoadedModel:
    return LoadedModel(
        name=_printable(found.name or found.model),
        size_bytes=_bytes(found.size or 0),
        vram_bytes=_bytes(found.size_vram or 0),
        expires_at=_aware(found.expires_at),
        context_length=found.context_length,
    )


def _printable(text: str | None) -> str:
    if not text or not text.isprintable():
        raise ValueError("not a name")
    return text


def _word(text: str | None) -> str | None:
    return readable(text) if text else None


def _bytes(amount: int) -> int:
    if not 0 <= amount <= MOST_BYTES:
        raise ValueError("not a size")
    return int(amount)


def _amount(amount: int | None) -> int | None:
    """A figure of a stream; a senseless one is no reason to give a pull up."""
    return amount if amount is not None and 0 <= amount <= MOST_BYTES else None


def _aware(moment: dt.datetime | None) -> dt.datetime | None:
    if moment is None or not 1 < moment.year <= LAST_YEAR:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
