"""Errors on their way from a worker to the dashboard: as words, rebuilt from a closed list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yipyap_core.errors import (
    CheckpointRejected,
    EngineCancelled,
    EngineOutOfMemory,
    EngineUnavailable,
    ImageRejected,
    Invalid,
    YipyapError,
)

GPU_OUT_OF_MEMORY = "engine_gpu_out_of_memory"
BUG_HINT = "Look at the worker's last words; the same request is likely to fail again."

KNOWN: Mapping[str, type[YipyapError]] = {
    kind.__name__: kind
    for kind in (CheckpointRejected, EngineCancelled, EngineOutOfMemory, EngineUnavailable, Invalid)
}


def failure(error: BaseException) -> dict[str, Any]:
    """Put an exception into plain words for the wire."""
    known = translated(error)
    return {
        "error": type(known).__name__,
        "code": known.code,
        "message": known.message,
        "hint": known.hint,
        "fields": getattr(known, "fields", {}),
    }


def rebuilt(values: Mapping[str, Any]) -> YipyapError:
    """Make the exception again on the dashboard's side; unknown ones become `EngineUnavailable`."""
    message, code, hint = values["message"], values["code"], values["hint"]
    if values["error"] == ImageRejected.__name__:
        return ImageRejected(message)
    kind = KNOWN.get(values["error"], EngineUnavailable)
    if issubclass(kind, Invalid):
        return kind(message, fields=dict(values["fields"]), code=code, hint=hint)
    return kind(message, code=code, hint=hint)


def translated(error: BaseException) -> YipyapError:
    """Our own errors as they are; memory errors and all others in a sentence."""
    if isinstance(error, YipyapError):
        return error
    if isinstance(error, MemoryError):
        return EngineOutOfMemory("The host's memory is not enough for this.")
    if is_gpu_out_of_memory(error):
        return EngineOutOfMemory("The GPU's memory is not enough for this.", code=GPU_OUT_OF_MEMORY)
    text = str(error).strip().splitlines()
    said = f": {text[0][:300]}" if text else ""
    return EngineUnavailable(f"The engine failed with {type(error).__name__}{said}", hint=BUG_HINT)


def is_gpu_out_of_memory(error: BaseException) -> bool:
    """Know torch's and ONNX Runtime's error by name, so that neither has to be imported."""
    if type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error)
    return "CUDA" in text and ("out of memory" in text or "Failed to allocate memory" in text)
