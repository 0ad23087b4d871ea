"""Downloads: how they stand, and what one may ask of them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field, StrictBool
from starlette.responses import Response

from yipyap_core.api import views
from yipyap_core.api.access import Caller, Current
from yipyap_core.api.bodies import Body
from yipyap_core.domain.download_queue import UNCHANGED, QuietHours
from yipyap_core.domain.jobs import JobEvent

router = APIRouter(tags=["downloads"])


Minute = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["22:30"])]
"""A time of the day as HH:MM, in the server's zone."""


class Window(Body):
    """Quiet hours: no download starts in them; over midnight when `end` is the earlier time."""

    start: Minute
    end: Minute
    stops_running: StrictBool = False

    def value(self) -> QuietHours:
        """Raises `Invalid` for a window without a length."""
        start, end = dt.time.fromisoformat(self.start), dt.time.fromisoformat(self.end)
        return QuietHours(start, end, self.stops_running)


class Limits(Body):
    """What downloads may take; what is left out stays, null or 0 lifts a limit.

    Only a number is one: read as 1, `true` would all but stop every download.
    """

    max_concurrent: Annotated[int, Field(ge=1, le=16, strict=True)] | None = None
    bandwidth_limit_bps: Annotated[int, Field(ge=0, le=1 << 50, strict=True)] | None = None
    quiet_hours: Window | None = None


@router.get("/model-download-status/{model_id}")
def status(model_id: str, services: Current) -> dict[str, Any]:
    """How one model's download stands."""
    return views.download_status(services.downloads.status(model_id))


@router.get("/model-download/{model_id}/timeline")
def timeline(model_id: str, services: Current) -> dict[str, Any]:
    """What happened in the model's last download, oldest first."""
    return {"events": [_event(one) for one in services.downloads.timeline(model_id)]}


@router.post("/model-download/{model_id}/start", status_code=202)
def start(
    model_id: str, principal: Caller, services: Current, response: Response
) -> dict[str, Any]:
    """Begin, join, or try again: 202 while it runs, 200 when it is complete already."""
    after, is_live = services.downloads.start(principal, model_id)
    response.status_code = 202 if is_live else 200
    return views.download_status(after)


@router.post("/model-download/{model_id}/pause")
def pause(model_id: str, principal: Caller, services: Current) -> dict[str, Any]:
    """Stop and keep everything that has arrived."""
    return views.download_status(services.downloads.pause(principal, model_id))


@router.post("/model-download/{model_id}/resume", status_code=202)
def resume(model_id: str, principal: Caller, services: Current) -> dict[str, Any]:
    """Go on from what is kept."""
    return views.download_status(services.downloads.resume(principal, model_id))


@router.post("/model-download/{model_id}/cancel")
def cancel(
    model_id: str,
    principal: Caller,
    services: Current,
    keep: Annotated[bool, Query(description="Keep unfinished files for a later start.")] = True,
) -> dict[str, Any]:
    """Stop for good; whole files always stay."""
    return views.download_status(services.downloads.cancel(principal, model_id, keep))


@router.get("/model-download-queue-status")
def queue(services: Current) -> dict[str, Any]:
    """Everything that runs, waits or rests, with the limits in force."""
    return views.queue(services.downloads.queue())


@router.put("/model-download-settings")
def set_limits(body: Limits, principal: Caller, services: Current) -> dict[str, Any]:
    """Change the limits at once, without a restart."""
    bandwidth, hours = body.bandwidth_limit_bps, body.quiet_hours
    if bandwidth is None and "bandwidth_limit_bps" in body.model_fields_set:
        bandwidth = 0
    window = hours.value() if hours else None
    after = services.downloads.set_limits(
        principal,
        body.max_concurrent,
        bandwidth,
        window if "quiet_hours" in body.model_fields_set else UNCHANGED,
    )
    return views.queue(after)


def _event(event: JobEvent) -> dict[str, Any]:
    return {"at": views.moment(event.at), "kind": event.kind, "message": event.message}
