"""Tags and captions of pictures."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter

from yipyap_core.api.access import Caller, Current
from yipyap_core.api.pictures import Asked, about, boxes_json
from yipyap_core.domain.engines import Outcome

router = APIRouter(tags=["inference"])


@router.post("/caption/{generator}", response_model=None)
async def caption(generator: str, caller: Caller, services: Current, asked: Asked) -> Any:
    """Tag or describe a picture; several, or `stream`, are answered as server-sent events."""
    run = partial(services.engines.caption, caller, generator)
    return await asked.answered(run, partial(_shown, generator))


def _shown(generator: str, outcome: Outcome) -> dict[str, Any]:
    answer = outcome.answer
    return {
        "generator": generator,
        "caption": answer.caption,
        "caption_type": answer.caption_type,
        "tags": [
            {"name": tag.name, "score": tag.score, "category": tag.category} for tag in answer.tags
        ],
        "boxes": boxes_json(answer.boxes),
        **about(outcome),
    }
