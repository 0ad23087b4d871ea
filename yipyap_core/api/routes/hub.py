"""The hub seen from here: search, and what a download of a repository would mean."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from yipyap_core.api import views
from yipyap_core.api.access import Caller, Current
from yipyap_core.domain.hub import RepoHit
from yipyap_core.domain.models import RepoRef, RepoType
from yipyap_core.services.hub import MOST_HITS, Outlook

router = APIRouter(tags=["hub"])


@router.get("/hub/search")
def search(
    principal: Caller,
    services: Current,
    q: Annotated[str, Query(description="What to look for.")],
    limit: Annotated[int, Query(ge=1, le=MOST_HITS)] = 20,
) -> dict[str, Any]:
    """Models on the hub whose name or description matches, most downloaded first."""
    hits = services.hub.search(principal, q, limit)
    known = {spec.repo_id for spec in services.registry.models()}
    return {"results": [_hit(one) | {"in_registry": one.repo_id in known} for one in hits]}


@router.get("/hub/preflight/{repo_id:path}")
def preflight(
    repo_id: str,
    principal: Caller,
    services: Current,
    repo_type: RepoType = RepoType.MODEL,
    revision: str = "main",
) -> dict[str, Any]:
    """Size, licence, whether the files would be given to us, and the space left after them."""
    return _outlook(services.hub.preflight(principal, RepoRef(repo_id, repo_type, revision)))


def _hit(hit: RepoHit) -> dict[str, Any]:
    return {
        "repo_id": hit.repo_id,
        "downloads": hit.downloads,
        "likes": hit.likes,
        "gated": hit.gated,
        "tags": list(hit.tags),
        "library": hit.library,
        "task": hit.task,
        "last_modified": views.moment(hit.last_modified),
    }


def _outlook(outlook: Outlook) -> dict[str, Any]:
    found = outlook.preflight
    return {
        "repo_id": found.repo.repo_id,
        "repo_type": found.repo.repo_type.value,
        "revision": found.repo.revision,
        "resolved_commit": found.commit,
        "size_bytes": found.size_bytes,
        "file_count": found.file_count,
        "license": found.license,
        "gated": found.gated,
        "private": found.private,
        "has_token": found.has_token,
        "token_accepted": found.access,
        "hint": found.access_hint,
        "available_bytes": outlook.available_bytes,
        "left_bytes": outlook.left_bytes,
        "fits": outlook.fits,
    }
