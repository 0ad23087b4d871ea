"""Order of the queue, single files, and what past downloads were like."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from yipyap_core.api import history_views, views
from yipyap_core.api.access import Caller, Current
from yipyap_core.api.bodies import Body
from yipyap_core.domain.download_history import DownloadRecord

MOST_STEPS = 10_000
MOST_PRIORITY = 1000
MOST_RECORDS = 500

router = APIRouter(tags=["downloads"])

ModelFilter = Annotated[
    str | None,
    Query(max_length=200, pattern=r"^[^\x00]*$", description="Only this model; empty: all."),
]


class Move(Body):
    """How far a waiting download changes its place."""

    steps: Annotated[int, Field(ge=-MOST_STEPS, le=MOST_STEPS, strict=True)]
    """Negative: earlier; beyond the ends nothing happens."""


class Priority(Body):
    """Who goes first."""

    priority: Annotated[int, Field(ge=-MOST_PRIORITY, le=MOST_PRIORITY, strict=True)]
    """Higher runs earlier; equal ones keep their order."""


class OneFile(Body):
    """A file of the model's plan."""

    path: Annotated[str, Field(min_length=1, max_length=4096)]
    """As the repository names it."""


@router.get("/model-download-history")
def history(
    services: Current,
    model_id: ModelFilter = None,
    limit: Annotated[int, Query(ge=1, le=MOST_RECORDS)] = 50,
) -> dict[str, Any]:
    """Past and present downloads, youngest first; forgotten models are listed too."""
    jobs = services.downloads.history(model_id or None, limit)
    return {"downloads": [history_views.record(DownloadRecord(job)) for job in jobs]}


@router.get("/model-download-history/{job_id}/timeline")
def job_timeline(job_id: str, services: Current) -> dict[str, Any]:
    """What happened in one download of the history, oldest first."""
    events = services.downloads.job_timeline(job_id)
    return {"events": [history_views.event(one) for one in events]}


@router.get("/model-download/{model_id}/kept")
def kept(model_id: str, services: Current) -> dict[str, Any]:
    """What would stay if the download stopped now."""
    return history_views.kept(services.downloads.what_is_kept(model_id))


@router.post("/model-download/{model_id}/move")
def move(model_id: str, body: Move, principal: Caller, services: Current) -> dict[str, Any]:
    """Change a waiting download's place; answers the queue in its new order."""
    return views.queue(services.downloads.move(principal, model_id, body.steps))


@router.post("/model-download/{model_id}/priority")
def prioritise(
    model_id: str, body: Priority, principal: Caller, services: Current
) -> dict[str, Any]:
    """Let a download run before all of lower priority; answers the queue in its new order."""
    return views.queue(services.downloads.prioritise(principal, model_id, body.priority))


@router.post("/model-download/{model_id}/restart-file", status_code=202)
def restart_file(
    model_id: str, body: OneFile, principal: Caller, services: Current
) -> dict[str, Any]:
    """Fetch one file from its beginning, or hash it anew where it is whole; others stay."""
    after = services.downloads.restart_file(principal, model_id, body.path)
    return views.download_status(after)
