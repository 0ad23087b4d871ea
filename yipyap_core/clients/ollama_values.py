"""What the official library returns, as values of ours."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from yipyap_core.domain.ollama import ChatChunk, LoadedModel, OllamaDetails, OllamaModel

if TYPE_CHECKING:
    import ollama


def model(found: ollama.ListResponse.Model) -> OllamaModel:
    """One model of the list of installed ones."""
    about = found.details
    return OllamaModel(
        name=found.model or "",
        size_bytes=int(found.size or 0),
        modified_at=_aware(found.modified_at),
        digest=(found.digest or "").removeprefix("sha256:"),
        family=(about.family if about else None) or None,
        parameter_size=(about.parameter_size if about else None) or None,
        quantization=(about.quantization_level if about else None) or None,
    )


def loaded(found: ollama.ProcessResponse.Model) -> LoadedModel:
    """One model of the list of those in memory."""
    return LoadedModel(
        name=found.name or found.model or "",
        size_bytes=int(found.size or 0),
        vram_bytes=int(found.size_vram or 0),
        expires_at=_aware(found.expires_at),
        context_length=found.context_length,
    )


def details(name: str, found: ollama.ShowResponse) -> OllamaDetails:
    """What the service says of one model."""
    about, facts = found.details, found.modelinfo or {}
    context = next((value for key, value in facts.items() if key.endswith("context_length")), None)
    return OllamaDetails(
        name=name,
        modified_at=_aware(found.modified_at),
        family=(about.family if about else None) or None,
        parameter_size=(about.parameter_size if about else None) or None,
        quantization=(about.quantization_level if about else None) or None,
        format=(about.format if about else None) or None,
        capabilities=tuple(found.capabilities or ()),
        context_length=context if isinstance(context, int) else None,
        template=found.template or "",
        parameters=found.parameters or "",
        license=found.license or "",
        modelfile=found.modelfile or "",
    )


def chunk(part: ollama.ChatResponse) -> ChatChunk:
    """One piece of an answer."""
    nanoseconds = part.eval_duration
    return ChatChunk(
        text=part.message.content or "",
        thinking=part.message.thinking or "",
        done=bool(part.done),
        eval_count=part.eval_count,
        eval_seconds=nanoseconds / 1e9 if nanoseconds else None,
    )


def _aware(moment: dt.datetime | None) -> dt.datetime | None:
    if moment is None or moment.year <= 1:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
