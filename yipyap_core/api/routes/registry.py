"""The registry: every model with the state of its files, and the models that were added."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from yipyap_core.api import views
from yipyap_core.api.access import Caller, Current
from yipyap_core.api.bodies import Body
from yipyap_core.api.registry_answer import RegistryAnswer

router = APIRouter(tags=["registry"])


class NewModel(Body):
    """A repository of the hub to register."""

    id: str
    repo_id: str
    name: str | None = None
    repo_type: str = "model"
    revision: str = "main"
    allow_patterns: tuple[str, ...] = ()
    ignore_patterns: tuple[str, ...] = ()
    family: str | None = None


@router.get("/model-registry")
async def list_models(request: Request, services: Current) -> Response:
    """Every model; `If-None-Match` with the ETag of before answers 304 when nothing moved."""
    registry: RegistryAnswer = request.app.state.registry
    answer = await registry.get(services)
    headers = {"ETag": answer.etag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if answer.etag.removeprefix("W/") in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = answer.body
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"  # once for all, not by the server for each
        body = answer.compressed
    return Response(body, media_type="application/json", headers=headers)


@router.post("/model-registry", status_code=201)
def register_model(body: NewModel, principal: Caller, services: Current) -> dict[str, Any]:
    """Add a repository under a family, or under none as plain files."""
    spec = services.registry.register(principal, **body.model_dump())
    return views.model(spec, services.downloads.status(spec.id))


@router.delete("/model-registry/{model_id}", status_code=204)
def forget_model(model_id: str, principal: Caller, services: Current) -> Response:
    """Take an added repository off the registry; its files stay."""
    services.registry.forget(principal, model_id)
    return Response(status_code=204)
