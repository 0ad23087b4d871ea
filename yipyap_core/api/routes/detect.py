"""Objects and watermarks in pictures."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from fastapi import APIRouter

from yipyap_core.api.access import Caller, Current
from yipyap_core.api.pictures import Asked, about, boxes_json
from yipyap_core.domain.engines import Outcome

router = APIRouter(tags=["inference"])


@router.post("/detect/{detector}", response_model=None)
async def detect(detector: str, caller: Caller, services: Current, asked: Asked) -> Any:
    """Find what is in a picture; several, or `stream`, are answered as server-sent events."""
    run = partial(services.engines.detect, caller, detector)
    return await asked.answered(run, partial(_shown, detector))


def _shown(detector: str, outcome: Outcome) -> dict[str, Any]:
    verdict = outcome.answer.verdict
    return {
        "detector": detector,
        "boxes": boxes_json(outcome.answer.boxes),
        "verdict": dataclasses.asdict(verdict) if verdict else None,
        **about(outcome),
    }
