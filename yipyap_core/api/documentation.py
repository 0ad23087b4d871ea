"""The API's own pages, for administrators: /docs and what it needs, without another server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

ASSETS = "docs-assets"

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
def openapi(request: Request) -> Any:
    """Describe every endpoint, for programs."""
    return request.app.openapi()


@router.get("/docs")
def docs() -> HTMLResponse:
    """Describe every endpoint, for people; addresses are relative to the mount."""
    return get_swagger_ui_html(
        openapi_url="openapi.json",
        title="yipyap API",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
    )


def documentation_routes() -> list[BaseRoute]:
    """The pages, and the files they need from the package that brings them along."""
    folder = Path(fastapi_offline.__file__).parent / "static"
    return [*router.routes, Mount(f"/{ASSETS}", StaticFiles(directory=folder), name=ASSETS)]
