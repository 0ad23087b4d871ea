"""Accounts, for administrators."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import StrictBool
from starlette.responses import Response

from yipyap_core.api import views
from yipyap_core.api.access import Caller, Current
from yipyap_core.api.bodies import Body
from yipyap_core.domain.users import Role

router = APIRouter(tags=["users"])


class NewUser(Body):
    """An account to make; the name shown is the username unless one is given."""

    username: str
    name: str = ""
    role: Role = Role.USER
    password: str


class UserChange(Body):
    """What to change of an account; what is left out stays."""

    name: str | None = None
    role: Role | None = None
    disabled: StrictBool | None = None
    password: str | None = None


@router.get("/users")
def list_users(principal: Caller, services: Current) -> dict[str, Any]:
    """Every account, by name."""
    return {"users": [views.user(one) for one in services.accounts.users(principal)]}


@router.post("/users", status_code=201)
def add_user(body: NewUser, principal: Caller, services: Current) -> dict[str, Any]:
    """Make an account."""
    user = services.accounts.add_user(principal, body.username, body.name, body.role, body.password)
    return views.user(user)


@router.patch("/users/{username}")
def change_user(
    username: str, body: UserChange, principal: Caller, services: Current
) -> dict[str, Any]:
    """Change an account; a new role, password or state ends its sessions at once."""
    user = services.accounts.update_user(
        principal,
        username,
        name=body.name,
        role=body.role,
        disabled=body.disabled,
        password=body.password,
    )
    return views.user(user)


@router.delete("/users/{username}", status_code=204)
def remove_user(username: str, principal: Caller, services: Current) -> Response:
    """Delete an account and its tokens."""
    services.accounts.remove_user(principal, username)
    return Response(status_code=204)
