"""The machine, and figures for monitoring."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from yipyap_core.api import views
from yipyap_core.api.access import Current
from yipyap_core.api.figures import Figures

router = APIRouter(tags=["operations"])


@router.get("/system/resources")
def resources(services: Current) -> dict[str, Any]:
    """Processor, memory, every accelerator, and the volumes of the stores."""
    return views.host(services.host.resources())


@router.get("/metrics")
def metrics(request: Request, services: Current) -> Response:
    """Everything worth a graph, in the text format of Prometheus."""
    now = CollectorRegistry()
    now.register(Figures(services))
    text = generate_latest(now) + generate_latest(request.app.state.metrics.registry)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})
