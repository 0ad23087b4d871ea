"""Whether the server can work; says nothing else, since anybody may ask."""

from __future__ import annotations

from fastapi import APIRouter

from yipyap_core.api.access import Current
from yipyap_core.errors import Unavailable

router = APIRouter(tags=["operations"])


@router.get("/health")
def health(services: Current) -> dict[str, str]:
    """Answer `ok`, or 503 when the store cannot be read."""
    if not services.accounts.store_answers():
        raise Unavailable("The store does not answer.", hint="Look at the server's log.")
    return {"status": "ok"}
