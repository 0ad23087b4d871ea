"""Personal tokens for scripts; everyone manages the own ones."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from yipyap_core.api import views
from yipyap_core.api.access import Caller, Current
from yipyap_core.api.bodies import Body
from yipyap_core.domain.users import Role

router = APIRouter(tags=["tokens"])


class NewToken(Body):
    """A token to make; the role is the caller's own unless a lower one is named."""

    name: str
    role: Role | None = None
    expires_in_days: int | None = None


@router.get("/tokens")
def list_tokens(principal: Caller, services: Current) -> dict[str, Any]:
    """The caller's own tokens, without their secrets."""
    return {"tokens": [views.api_token(one) for one in services.accounts.tokens(principal)]}


@router.post("/tokens", status_code=201)
def create_token(body: NewToken, principal: Caller, services: Current) -> dict[str, Any]:
    """Make a token; `token` is its secret and is never shown again."""
    made = services.accounts.create_token(principal, body.name, body.role, body.expires_in_days)
    return views.api_token(made.token) | {"token": made.secret}


@router.delete("/tokens/{token_id}", status_code=204)
def revoke_token(token_id: str, principal: Caller, services: Current) -> Response:
    """Revoke one of the caller's own tokens at once."""
    services.accounts.revoke_token(principal, token_id)
    return Response(status_code=204)
