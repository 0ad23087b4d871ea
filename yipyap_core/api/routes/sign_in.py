"""Getting in: a token for a password, the one-time set-up, and who one is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.requests import Request

from yipyap_core.api import views
from yipyap_core.api.access import Caller, Current
from yipyap_core.api.bodies import Body

router = APIRouter(tags=["sign-in"])


class SetUp(Body):
    """The first administrator."""

    code: str
    username: str
    name: str = ""
    password: str


@router.post("/token")
def token(
    request: Request,
    services: Current,
    username: Annotated[str, Form()],
    password: Annotated[str, Form()],
) -> dict[str, Any]:
    """Exchange a password for a bearer token; the form of OAuth2's password grant."""
    user = services.accounts.authenticate(username, password, peer_address(request))
    issued = services.accounts.issue_token(user)
    return {
        "access_token": issued.access_token,
        "token_type": "bearer",
        "expires_in": issued.expires_in_seconds,
        "role": issued.role.value,
    }


@router.post("/setup", status_code=201)
def set_up(body: SetUp, services: Current) -> dict[str, Any]:
    """Make the first administrator with the code that the server printed."""
    user = services.accounts.set_up(body.code, body.username, body.name, body.password)
    return views.user(user)


@router.get("/me")
def me(principal: Caller, services: Current) -> dict[str, Any]:
    """Say who the credential stands for, and what that allows."""
    runs = principal.is_admin or (services.settings.users_may_run and principal.role == "user")
    return {
        "username": principal.username,
        "name": principal.name,
        "role": principal.role.value,
        "may_administer": principal.is_admin,
        "may_run_models": runs,
    }


def peer_address(request: Request) -> str:
    """Who is at the other end of the connection; headers of the request never decide it."""
    return request.client.host if request.client else "unknown"
