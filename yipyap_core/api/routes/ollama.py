"""The Ollama service: its state, its models, pulls that our server holds, and a chat."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from yipyap_core.api.access import Caller, Current
from yipyap_core.api.bodies import Body
from yipyap_core.api.streams import HEADERS, MEDIA_TYPE, frame, server_is_stopping
from yipyap_core.api.views import download_status, moment
from yipyap_core.domain.ollama import (
    ChatChunk,
    LoadedModel,
    OllamaDetails,
    OllamaModel,
    OllamaStatus,
    UpdateCheck,
)
from yipyap_core.errors import YipyapError
from yipyap_core.services.ollama.pulls import PullView
from yipyap_core.services.ollama.service import OllamaChat

router = APIRouter(tags=["ollama"])

Json = dict[str, Any]
MAX_NAME = 600


class Pull(Body):
    """Which model to pull; a pasted `ollama run x` is understood."""

    name: Annotated[str, Field(max_length=MAX_NAME)]


class Message(Body):
    """One line of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Field(max_length=1_000_000)]


class Options(Body):
    """How the model writes; what is left out is the model's own default."""

    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    num_predict: Annotated[int, Field(ge=-2, le=1_000_000)] | None = None
    seed: Annotated[int, Field(ge=0, le=1 << 31)] | None = None


class Chat(Body):
    """A conversation so far; the model writes the next line."""

    model: Annotated[str, Field(max_length=MAX_NAME)]
    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    options: Options = Options()


@router.get("/ollama/status")
def status(principal: Caller, services: Current) -> Json:
    """Whether the service answers; always 200."""
    return _status(services.ollama.status(principal))


@router.get("/ollama/models")
def models(principal: Caller, services: Current) -> Json:
    """What is installed there."""
    return {"models": [_model(one) for one in services.ollama.models(principal)]}


@router.post("/ollama/models/pull", status_code=202)
def pull(body: Pull, principal: Caller, services: Current) -> Json:
    """Pull a model, or join the pull that runs; closing the browser stops nothing."""
    return _pull(services.ollama.pulls.start(principal, body.name))


@router.get("/ollama/pulls")
def pulls(principal: Caller, services: Current) -> Json:
    """Recent pulls, the latest first."""
    return {"pulls": [_pull(one) for one in services.ollama.pulls.pulls(principal)]}


@router.get("/ollama/pulls/{pull_id}")
def one_pull(pull_id: str, principal: Caller, services: Current) -> Json:
    """How one pull stands."""
    return _pull(services.ollama.pulls.get(principal, pull_id))


@router.post("/ollama/pulls/{pull_id}/cancel")
def cancel(pull_id: str, principal: Caller, services: Current) -> Json:
    """End a pull; layers that arrived stay there for a while."""
    return _pull(services.ollama.pulls.cancel(principal, pull_id))


@router.post("/ollama/pulls/{pull_id}/retry", status_code=202)
def retry(pull_id: str, principal: Caller, services: Current) -> Json:
    """Ask for the same model again; Ollama goes on from what it has."""
    return _pull(services.ollama.pulls.retry(principal, pull_id))


@router.get("/ollama/models/{name:path}/show")
def show(name: str, principal: Caller, services: Current) -> Json:
    """Everything that the service says of one model."""
    return _details(services.ollama.show(principal, name))


@router.post("/ollama/models/{name:path}/unload")
def unload(name: str, principal: Caller, services: Current) -> Json:
    """Give the memory of a loaded model back; a model that is answering is loaded until its end."""
    return {"name": name, "loaded": not services.ollama.unload(principal, name)}


@router.delete("/ollama/models/{name:path}", status_code=204)
def delete(name: str, principal: Caller, services: Current) -> None:
    """Remove a model there; Ollama has no trash."""
    services.ollama.delete(principal, name)


@router.get("/ollama/ps")
def loaded(principal: Caller, services: Current) -> Json:
    """What is in the memory of the service, and how much of it."""
    return {"models": [_loaded(one) for one in services.ollama.loaded(principal)]}


@router.get("/ollama/outdated")
def outdated(principal: Caller, services: Current) -> Json:
    """Which installed models the registry has anew; nothing is pulled."""
    return {"models": [_update(one) for one in services.ollama.updates(principal)]}


@router.post("/ollama/chat", response_class=StreamingResponse)
def chat(body: Chat, principal: Caller, services: Current) -> StreamingResponse:
    """Server-sent events: `{"type": "token" | "complete" | "error", ...}`."""
    messages = [one.model_dump() for one in body.messages]
    options = body.options.model_dump(exclude_none=True)
    answer = services.ollama.chat(principal, body.model, messages, options)
    chunks = iter(answer)
    first = next(chunks, None)  # an unknown model or an absent service is a plain problem
    whole = chunks if first is None else itertools.chain([first], chunks)
    frames = _frames(answer, whole)
    return StreamingResponse(frames, media_type=MEDIA_TYPE, headers=dict(HEADERS))


async def _frames(answer: OllamaChat, chunks: Iterator[ChatChunk]) -> AsyncIterator[bytes]:
    """Pass the pieces on; however the listener leaves, the service stops writing."""
    try:
        while not server_is_stopping():
            chunk = await run_in_threadpool(next, chunks, None)
            if chunk is None:
                return
            yield frame(_chunk(chunk))
    except YipyapError as error:
        words = {"code": error.code, "detail": error.message, "hint": error.hint}
        yield frame({"type": "error", **words})
    finally:
        answer.stop()


def _chunk(value: ChatChunk) -> Json:
    if not value.done:
        return {"type": "token", "text": value.text, "thinking": value.thinking}
    return {
        "type": "complete",
        "text": value.text,
        "tokens": value.eval_count,
        "seconds": value.eval_seconds,
    }


def _status(value: OllamaStatus) -> Json:
    assistant = value.assistant
    return {
        "available": value.available,
        "base_url": value.base_url,
        "version": value.version,
        "error": value.error,
        "hint": value.hint,
        "assistant": {
            "model": assistant.model,
            "available": assistant.available,
            "reason": assistant.reason,
        },
    }


def _model(value: OllamaModel) -> Json:
    return {
        "name": value.name,
        "size_bytes": value.size_bytes,
        "modified_at": moment(value.modified_at),
        "digest": value.digest,
        "family": value.family,
        "parameter_size": value.parameter_size,
        "quantization": value.quantization,
        "loaded": value.loaded,
    }


def _pull(value: PullView) -> Json:
    shown = download_status(value.status)
    return {**shown, "pull_id": value.pull_id, "name": value.name, "actor": value.actor}


def _loaded(value: LoadedModel) -> Json:
    return {
        "name": value.name,
        "size_bytes": value.size_bytes,
        "vram_bytes": value.vram_bytes,
        "expires_at": moment(value.expires_at),
        "context_length": value.context_length,
    }


def _details(value: OllamaDetails) -> Json:
    return {
        "name": value.name,
        "modified_at": moment(value.modified_at),
        "family": value.family,
        "parameter_size": value.parameter_size,
        "quantization": value.quantization,
        "format": value.format,
        "capabilities": list(value.capabilities),
        "context_length": value.context_length,
        "template": value.template,
        "parameters": value.parameters,
        "license": value.license,
        "modelfile": value.modelfile,
    }


def _update(value: UpdateCheck) -> Json:
    return {
        "name": value.name,
        "digest": value.digest,
        "state": value.state.value,
        "checked_at": value.checked_at,
        "size_bytes": value.size_bytes,
        "reason": value.reason,
    }
