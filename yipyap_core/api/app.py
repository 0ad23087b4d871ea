"""Puts the API together: the routes that are found, the guard before each, the edge around all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from yipyap_core import __version__
from yipyap_core.api.access import Access, access_of, guarded
from yipyap_core.api.documentation import documentation_routes
from yipyap_core.api.edge import Edge
from yipyap_core.api.problems import HANDLERS
from yipyap_core.api.registry_answer import RegistryAnswer
from yipyap_core.api.request_metrics import RequestMetrics
from yipyap_core.discovery import DiscoveryError, find

ROUTES = "yipyap_core.api.routes"

DESCRIPTION = """\
See, download, verify, configure and run the models of this machine.

Send `Authorization: Bearer <token>` with a token from `POST /api/token` or a personal token from
`POST /api/tokens`. The dashboard's cookie counts for reading. Errors are `application/problem+json`
with a sentence (`detail`), a stable `code`, a `hint` and the `request_id`.
"""


def build_api(*packages: str) -> FastAPI:
    """Make the application that is mounted at `/api`.

    `packages` are searched for routes beside our own; raises `DiscoveryError` when two files
    declare the same address.
    """
    found = find_routes(ROUTES, *packages)
    metrics = RequestMetrics()
    app = FastAPI(
        title="yipyap Model Management",
        version=__version__,
        description=DESCRIPTION,
        routes=guarded([*found, *documentation_routes()]),
        exception_handlers=HANDLERS,
        openapi_url=None,  # ours are behind the guard
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.metrics = metrics
    app.state.registry = RegistryAnswer()
    app.add_middleware(Edge, observe=metrics.observe)
    app.openapi = lambda: _schema(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def find_routes(*packages: str) -> list[APIRoute]:
    """Collect the endpoints of every `router`; refuses an address that two files declare."""
    owners: dict[tuple[str, str], str] = {}
    routes: list[APIRoute] = []
    for package in packages:
        for one in find(package, "router", APIRouter, lambda router: str(id(router))):
            for route in _endpoints(one.value.routes, one.file):
                for method in sorted(route.methods or ()):
                    _claim(owners, (method, route.path_format), one.file)
                routes.append(route)
    return sorted(routes, key=lambda route: "{" in route.path)  # exact addresses first


def _endpoints(routes: Iterable[BaseRoute], file: str) -> Iterable[APIRoute]:
    for route in routes:
        if not isinstance(route, APIRoute):
            raise DiscoveryError(f"{file} declares {route!r}; only plain endpoints are found.")
        yield route


def _claim(owners: dict[tuple[str, str], str], address: tuple[str, str], file: str) -> None:
    if address in owners:
        method, path = address
        raise DiscoveryError(
            f"{method} {path} is declared twice: in {owners[address]} and in {file}."
        )
    owners[address] = file


def _schema(app: FastAPI) -> dict[str, Any]:
    """OpenAPI, with who may call what written to each operation; made once."""
    if not app.openapi_schema:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=[{"url": "/api"}],
        )
        _describe_access(schema, app.routes)
        app.openapi_schema = schema
    return app.openapi_schema


def _describe_access(schema: dict[str, Any], routes: Iterable[BaseRoute]) -> None:
    schema.setdefault("components", {})["securitySchemes"] = {
        "password": {
            "type": "oauth2",
            "flows": {"password": {"tokenUrl": "/api/token", "scopes": {}}},
        },
        "token": {"type": "http", "scheme": "bearer"},
    }
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            access = access_of(route)
            for method in route.methods or ():
                operation = schema["paths"][route.path_format][method.lower()]
                operation["x-access"] = access.name.lower()
                if access is not Access.PUBLIC:
                    operation["security"] = [{"password": []}, {"token": []}]
