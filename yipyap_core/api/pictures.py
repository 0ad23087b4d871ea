"""Pictures in requests: read once, run in a thread, given up when nobody waits any more."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, File, Form, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from yipyap_core.api.streams import HEADERS, MEDIA_TYPE, frame, server_is_stopping
from yipyap_core.domain.engines import Box, Outcome
from yipyap_core.errors import Invalid, YipyapError
from yipyap_core.services.engines.picture import Picture

MAX_PICTURES = 64
LOOK_SECONDS = 0.2

Run = Callable[[Picture], Outcome]
Shown = Callable[[Outcome], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Question:
    """What one request asks about its pictures."""

    request: Request
    uploads: list[UploadFile]
    draft: Mapping[str, Any]
    params: Mapping[str, Any]
    stream: bool
    timeout_seconds: float | None

    async def answered(self, run: Run, shown: Shown) -> Any:
        """Answer one picture with one object; several, or on demand, with a stream of frames."""
        if len(self.uploads) > MAX_PICTURES:
            raise Invalid(
                f"{len(self.uploads)} pictures came; at most {MAX_PICTURES} are taken at once.",
                fields={"image": "Too many."},
            )
        pictures = [self._picture(await upload.read()) for upload in self.uploads]
        if self.stream or len(pictures) > 1:
            frames = _frames(pictures, run, shown)
            return StreamingResponse(frames, media_type=MEDIA_TYPE, headers=dict(HEADERS))
        return shown(await _unless_gone(self.request, pictures[0], run))

    def _picture(self, data: bytes) -> Picture:
        cancelled = threading.Event()
        return Picture(data, self.draft, self.params, self.timeout_seconds, cancelled=cancelled)


def question(
    request: Request,
    image: Annotated[list[UploadFile], File(description="One picture, or several for one batch.")],
    config: Annotated[
        str | None, Form(description="JSON of settings to try without saving them.")
    ] = None,
    params: Annotated[
        str | None,
        Form(description="JSON of what is no setting: `task`, `input`, `classes`, `extras`, ..."),
    ] = None,
    stream: Annotated[
        bool, Form(description="Answer with server-sent events as parts are ready.")
    ] = False,
    timeout_seconds: Annotated[
        float | None,
        Form(gt=0, le=1800, description="Longest wait, seconds; else the server's own."),
    ] = None,
) -> Question:
    """Read the form of a request; raises `Invalid` for JSON that is none."""
    draft, extra = _parsed(config, "config"), _parsed(params, "params")
    return Question(request, image, draft, extra, stream, timeout_seconds)


Asked = Annotated[Question, Depends(question)]


def boxes_json(boxes: tuple[Box, ...]) -> list[dict[str, Any]]:
    """Regions as the contract names their fields."""
    return [
        {"label": box.label, "score": box.score, "xyxy": list(box.xyxy)}
        | ({"points": [list(point) for point in box.points]} if box.points else {})
        for box in boxes
    ]


def about(outcome: Outcome) -> dict[str, Any]:
    """What every answer says of its making."""
    return {
        "model_id": outcome.model_ids[0] if outcome.model_ids else "",
        "model_ids": list(outcome.model_ids),
        "device": outcome.info.device,
        "device_reason": outcome.info.device_reason,
        "precision": outcome.info.precision,
        "provider": outcome.info.provider,
        "processing_seconds": outcome.processing_seconds,
        "run_seconds": outcome.run_seconds,
        "load_seconds": outcome.load_seconds,
        "details": dict(outcome.answer.details),
    }


async def _unless_gone(request: Request, picture: Picture, run: Run) -> Outcome:
    """Run in a thread; cancel when the client hangs up."""
    task = asyncio.ensure_future(run_in_threadpool(run, picture))
    while not task.done():
        await asyncio.wait({task}, timeout=LOOK_SECONDS)
        if not task.done() and picture.cancelled and await request.is_disconnected():
            picture.cancelled.set()
    return task.result()


async def _frames(pictures: list[Picture], run: Run, shown: Shown) -> AsyncIterator[bytes]:
    """One frame for each piece of text and each answer, as they come, and one at the end."""
    inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    cancelled = threading.Event()
    tasks = [
        asyncio.ensure_future(
            run_in_threadpool(_told, inbox, number, picture, cancelled, run, shown)
        )
        for number, picture in enumerate(pictures)
    ]
    try:
        while not all(task.done() for task in tasks) or not inbox.empty():
            if server_is_stopping():
                return
            for data in _waiting(inbox):
                yield frame(data)
            await asyncio.wait(tasks, timeout=0.02)
        yield frame({"type": "complete", "count": len(pictures)})
    finally:
        cancelled.set()


def _waiting(inbox: queue.SimpleQueue[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    while not inbox.empty():
        found.append(inbox.get())
    return found


def _told(
    inbox: queue.SimpleQueue[dict[str, Any]],
    number: int,
    picture: Picture,
    cancelled: threading.Event,
    run: Run,
    shown: Shown,
) -> None:
    """Run one picture of several; its error is one frame and spares the others."""

    def on_text(text: str) -> None:
        inbox.put({"type": "text", "index": number, "text": text})

    asked = Picture(
        picture.data,
        picture.draft,
        {**picture.params, "stream": True},
        picture.timeout_seconds,
        on_text,
        cancelled,
    )
    try:
        inbox.put({"type": "result", "index": number, **shown(run(asked))})
    except YipyapError as error:
        words = {"code": error.code, "detail": error.message, "hint": error.hint}
        inbox.put({"type": "error", "index": number, **words})


def _parsed(text: str | None, field: str) -> dict[str, Any]:
    """Read a JSON object out of a form field; raises `Invalid`."""
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _no_object(field) from error
    if not isinstance(value, dict):
        raise _no_object(field)
    return value


def _no_object(field: str) -> Invalid:
    reason = "This has to be a JSON object."
    return Invalid(f"The field {field} cannot be read.", fields={field: reason})
