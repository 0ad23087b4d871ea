"""The Hugging Face cache: what it holds, and what may leave it, always by a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field, StrictBool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from yipyap_core.api import cache_views as views
from yipyap_core.api.access import Caller, Current
from yipyap_core.api.bodies import Body
from yipyap_core.api.problems import problem
from yipyap_core.domain.deletion import PlanKind, PlanRequest
from yipyap_core.domain.users import Principal
from yipyap_core.errors import Invalid
from yipyap_core.services.cache.deletion import CacheDeletion, Deletion, PlanIsStale

router = APIRouter(tags=["hugging face cache"])

RepoType = Annotated[str, Query(pattern="^(model|dataset|space|kernel)$")]
PlanId = Annotated[str, Field(max_length=64)]
Json = dict[str, Any]


class Removal(Body):
    """How something is to be removed; with `plan_id` exactly what that plan has shown.

    Without `purge` it goes into the trash, or where the plan of `plan_id` has it go.
    """

    confirm: StrictBool = False
    purge: StrictBool | None = None
    dry_run: StrictBool = False
    plan_id: PlanId | None = None


class Prune(Body):
    """The same for partial files and detached revisions, which need no further word."""

    purge: StrictBool | None = None
    dry_run: StrictBool = False
    plan_id: PlanId | None = None


class Execution(Body):
    """Whether a plan's bytes are freed at once; left out, as the plan was made."""

    purge: StrictBool | None = None


class Check(Body):
    """What to check; with no repository everything."""

    repo_id: Annotated[str, Field(max_length=300)] | None = None
    repo_type: Annotated[str, Field(pattern="^(model|dataset|space|kernel)$")] = "model"


class Choice(Body):
    """Which suggestions to plan for, by their ids."""

    suggestions: Annotated[list[Annotated[str, Field(max_length=700)]], Field(max_length=10_000)]
    purge: StrictBool = False


@router.get("/hf-cache/info")
def info(
    principal: Caller,
    services: Current,
    full: Annotated[bool, Query(description="Read every repository anew.")] = False,
) -> Json:
    """What the cache holds at this moment."""
    cache = services.cache
    return views.report(cache.refresh(principal) if full else cache.info(principal))


@router.post("/hf-cache/clear")
def clear(request: Request, body: Removal, principal: Caller, services: Current) -> Response:
    """Remove everything that nobody needs, into the trash unless `purge` is asked."""
    deletion = services.cache.deletion
    everything = PlanRequest(PlanKind.EVERYTHING)
    if body.dry_run:
        return _planned(deletion, principal, everything, body.purge)
    if not body.confirm:
        raise Invalid(
            "Nothing was deleted: clearing the cache has to be confirmed.",
            fields={"confirm": "has to be true"},
            hint="Send `confirm: true`, or `dry_run: true` to see what would go.",
        )
    return _deleted(request, _doing(deletion, principal, everything, body.purge, body.plan_id))


@router.post("/hf-cache/prune")
def prune(request: Request, body: Prune, principal: Caller, services: Current) -> Response:
    """Remove partial files that nobody writes, and revisions that no branch or tag names."""
    deletion, loose = services.cache.deletion, PlanRequest(PlanKind.PRUNE)
    if body.dry_run:
        return _planned(deletion, principal, loose, body.purge)
    return _deleted(request, _doing(deletion, principal, loose, body.purge, body.plan_id))


@router.delete("/hf-cache/models/{repo_id:path}")
def remove(
    request: Request,
    repo_id: str,
    principal: Caller,
    services: Current,
    repo_type: RepoType = "model",
    revision: Annotated[str | None, Query(max_length=200)] = None,
    dry_run: bool = False,
    purge: bool | None = None,
    plan_id: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Remove one repository, or one revision of it with what only that has."""
    folder = services.cache.find(principal, repo_id, repo_type).folder
    wanted = PlanRequest(PlanKind.REPOSITORY, folder)
    if revision is not None:
        wanted = PlanRequest(PlanKind.REVISION, folder, revision)
    deletion = services.cache.deletion
    if dry_run:
        return _planned(deletion, principal, wanted, purge)
    return _deleted(request, _doing(deletion, principal, wanted, purge, plan_id))


@router.delete("/model-download/{model_id}")
def remove_model(
    request: Request,
    model_id: str,
    principal: Caller,
    services: Current,
    dry_run: bool = False,
    purge: bool | None = None,
    plan_id: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Remove the files of a registered model, but those that another model needs."""
    services.registry.get(model_id)
    wanted, deletion = PlanRequest(PlanKind.MODEL, choices=(model_id,)), services.cache.deletion
    if dry_run:
        return _planned(deletion, principal, wanted, purge)
    return _deleted(request, _doing(deletion, principal, wanted, purge, plan_id))


@router.get("/hf-cache/plans/{plan_id}")
def show_plan(plan_id: str, principal: Caller, services: Current) -> Json:
    """A plan that was shown within the last day."""
    return views.plan(services.cache.deletion.get(principal, plan_id))


@router.post("/hf-cache/plans/{plan_id}/execute")
def execute(
    request: Request, plan_id: str, body: Execution, principal: Caller, services: Current
) -> Response:
    """Do what the plan has shown; 409 with a new plan when the cache has changed since."""
    deletion = services.cache.deletion
    return _deleted(request, lambda: deletion.execute(principal, plan_id, purge=body.purge))


@router.get("/hf-cache/trash")
def trash(principal: Caller, services: Current) -> Json:
    """What can be brought back, the latest first."""
    entries = services.cache.deletion.trash(principal)
    return {
        "total_bytes": sum(one.bytes for one in entries),
        "entries": [views.trash_entry(one) for one in entries],
    }


@router.post("/hf-cache/trash/{trash_id}/restore")
def restore(trash_id: str, principal: Caller, services: Current) -> Json:
    """Bring an entry back; what exists anew in the cache is left as it is."""
    return views.restored(services.cache.deletion.restore(principal, trash_id))


@router.delete("/hf-cache/trash/{trash_id}")
def purge_entry(trash_id: str, principal: Caller, services: Current) -> Json:
    """Free an entry for good."""
    return {"freed_now_bytes": services.cache.deletion.purge(principal, trash_id)}


@router.get("/hf-cache/reclaim")
def reclaimable(
    principal: Caller,
    services: Current,
    unused_days: Annotated[int, Query(ge=0, le=100_000)] = 60,
) -> Json:
    """What is safe to remove, safest first."""
    found = services.cache.reclaimable(principal, unused_days)
    return {"suggestions": [views.suggestion(one) for one in found]}


@router.post("/hf-cache/reclaim")
def plan_reclaim(body: Choice, principal: Caller, services: Current) -> Json:
    """One plan for the chosen suggestions; nothing is deleted."""
    wanted = PlanRequest(PlanKind.RECLAIM, choices=tuple(dict.fromkeys(body.suggestions)))
    return views.plan(services.cache.deletion.plan(principal, wanted, purge=body.purge))


@router.post("/hf-cache/verify", status_code=202)
def verify(body: Check, principal: Caller, services: Current) -> Json:
    """Compare contents with the publisher's hashes, in the background and offline."""
    cache, folder = services.cache, None
    if body.repo_id is not None:
        folder = cache.find(principal, body.repo_id, body.repo_type).folder
    return views.check(cache.verification.start(principal, folder))


@router.get("/hf-cache/verify")
def checks(principal: Caller, services: Current) -> Json:
    """Recent checks, the latest first."""
    return {"checks": [views.check(one) for one in services.cache.verification.checks(principal)]}


@router.get("/hf-cache/verify/{verify_id}")
def check(verify_id: str, principal: Caller, services: Current) -> Json:
    """One check with what it has found so far."""
    return views.check(services.cache.verification.get(principal, verify_id))


@router.post("/hf-cache/verify/{verify_id}/cancel")
def cancel_check(verify_id: str, principal: Caller, services: Current) -> Json:
    """End a check; what it found stays."""
    return views.check(services.cache.verification.cancel(principal, verify_id))


@router.post("/hf-cache/verify/{verify_id}/repair", status_code=202)
def repair(verify_id: str, principal: Caller, services: Current) -> Json:
    """Fetch just the damaged files again, in the background; each stays until then."""
    begun = services.cache.repair.repair(principal, verify_id)
    return {"repairs": [views.repair(one) for one in begun]}


@router.get("/hf-cache/repairs")
def repairs(
    principal: Caller,
    services: Current,
    verify_id: Annotated[str | None, Query(max_length=64)] = None,
) -> Json:
    """Recent repairs, or all of one check, the latest first."""
    found = services.cache.repair.repairs(principal, verify_id)
    return {"repairs": [views.repair(one) for one in found]}


@router.get("/hf-cache/repairs/{repair_id}")
def show_repair(repair_id: str, principal: Caller, services: Current) -> Json:
    """How the repair of one commit stands."""
    return views.repair(services.cache.repair.get(principal, repair_id))


@router.post("/hf-cache/repairs/{repair_id}/cancel")
def cancel_repair(repair_id: str, principal: Caller, services: Current) -> Json:
    """End a repair; the cache stays as it is."""
    return views.repair(services.cache.repair.cancel(principal, repair_id))


@router.get("/hf-cache/doctor")
def doctor(principal: Caller, services: Current) -> Json:
    """What may be wrong with the folder, and the line that repairs it."""
    return {"findings": [views.finding(one) for one in services.cache.examine(principal)]}


def _doing(
    deletion: CacheDeletion,
    principal: Principal,
    wanted: PlanRequest,
    purge: bool | None,
    plan_id: str | None,
) -> Callable[[], Deletion]:
    """Execute the plan that was shown where one is named, else plan and execute in one go."""
    if plan_id is not None:
        return lambda: deletion.execute(principal, plan_id, purge=purge, wanted=wanted)
    return lambda: deletion.delete(principal, wanted, purge=bool(purge))


def _planned(
    deletion: CacheDeletion, principal: Principal, wanted: PlanRequest, purge: bool | None
) -> Response:
    return JSONResponse(views.plan(deletion.plan(principal, wanted, purge=bool(purge))))


def _deleted(request: Request, deed: Callable[[], Deletion]) -> Response:
    """Answer with what was done, or with the new plan where the old one no longer holds."""
    try:
        return JSONResponse(views.deletion(deed()))
    except PlanIsStale as stale:
        words = (stale.code, stale.message, stale.hint)
        return problem(request, 409, words, plan=views.plan(stale.plan))
