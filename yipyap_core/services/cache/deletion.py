"""Deletions from the cache: planned, shown, executed into the trash, undone, purged."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from yipyap_core.clients.cache_trash import CacheTrash
from yipyap_core.clients.hub_cache import HubCache
from yipyap_core.domain.deletion import (
    DeletionPlan,
    KeptItem,
    PlanItem,
    PlanRequest,
    with_purge,
)
from yipyap_core.domain.trash import Restored, TrashEntry, TrashState
from yipyap_core.domain.users import Principal
from yipyap_core.errors import Invalid, ModelInUse, NotFound, StalePlan
from yipyap_core.services.cache.execution import Outcome, PlanExecution, kept_item
from yipyap_core.services.cache.plan_json import plan_from_json, plan_to_json
from yipyap_core.services.cache.plans import CachePlanner
from yipyap_core.services.cache.watch import CacheWatch
from yipyap_core.stores.cache import PlanStore

PLAN_HOURS = 24
"""How long a plan that nobody executed is kept."""
log = logging.getLogger(__name__)


class PlanIsStale(StalePlan):
    """The cache changed after the plan was made; `plan` is what holds now."""

    def __init__(self, plan: DeletionPlan) -> None:
        """Carry the new plan, so that it can be shown and confirmed."""
        super().__init__("The cache has changed since this plan was made; nothing was deleted.")
        self.plan = plan


class UnknownPlan(NotFound):
    """No plan has this id, or it was forgotten after a day."""

    code = "unknown_plan"
    hint = "Make the plan again with a dry run."


class PlanForAnother(Invalid):
    """A plan was named for something that it does not remove."""

    hint = "Make the plan again with a dry run of this very request."

    def __init__(self) -> None:
        """Name the field that does not fit."""
        words = "is of a plan for something else"
        super().__init__("Nothing was deleted: the plan is another.", fields={"plan_id": words})


class UnknownTrash(NotFound):
    """The trash has no entry of this id."""

    code = "unknown_trash"
    hint = "GET /api/hf-cache/trash lists what can be brought back."


@dataclass(frozen=True, slots=True)
class Deletion:
    """What an executed plan did."""

    plan: DeletionPlan
    freed_bytes: int
    """What went out of the cache; the volume gains it now or when the trash is purged."""
    deleted: tuple[PlanItem, ...]
    kept: tuple[KeptItem, ...]
    trash_id: str | None
    """Where it can be brought back from; None when it was freed at once."""

    @property
    def trashed(self) -> bool:
        """Whether it can be undone."""
        return self.trash_id is not None

    @property
    def freed_now_bytes(self) -> int:
        """What the volume has gained already."""
        return 0 if self.trashed else self.freed_bytes


class CacheDeletion:
    """The only way by which anything leaves the cache."""

    def __init__(
        self,
        *,
        cache: HubCache,
        trash: CacheTrash,
        watch: CacheWatch,
        planner: CachePlanner,
        plans: PlanStore,
        clock: Callable[[], dt.datetime],
        changed: Callable[[], None],
    ) -> None:
        """Call `changed` after anything has moved."""
        self._watch = watch
        self._planner = planner
        self._plans = plans
        self._clock = clock
        self._changed = changed
        self._trash = trash
        self._execution = PlanExecution(cache_dir=cache.cache_dir, trash=trash, clock=clock)

    def plan(
        self, principal: Principal, request: PlanRequest, *, purge: bool = False
    ) -> DeletionPlan:
        """Work out what would go and keep it under its id; nothing is deleted."""
        principal.require_admin()
        return self._keep(principal, self._planner.plan(request, self._watch.look(), purge=purge))

    def get(self, principal: Principal, plan_id: str) -> DeletionPlan:
        """Give a kept plan back; raises `UnknownPlan`."""
        principal.require_admin()
        return self._stored(plan_id)[1]

    def execute(
        self,
        principal: Principal,
        plan_id: str,
        *,
        purge: bool | None = None,
        wanted: PlanRequest | None = None,
    ) -> Deletion:
        """Do what a plan says, if it still holds; raises `PlanIsStale` with a new one.

        Left out, `purge` is as the plan was made, and the plan may be for anything; `Invalid`
        is raised for one that is not for what is `wanted`. A plan whose execution was cut short
        by the end of the server is taken up where it stood, but what came anew since is not taken.
        """
        principal.require_admin()
        with self._trash.exclusive():
            state, plan = self._stored(plan_id)
            if state == "done":
                raise UnknownPlan("This plan has been executed already.")
            if wanted not in (None, plan.request):
                raise PlanForAnother()
            if purge is not None:
                plan = with_purge(plan, purge)
            if state == "executing":
                return self._take_up(principal, plan)
            self._refuse_stale(principal, plan)
            return self._execute(principal, plan)

    def delete(
        self, principal: Principal, request: PlanRequest, *, purge: bool = False
    ) -> Deletion:
        """Plan and execute in one go."""
        principal.require_admin()
        with self._trash.exclusive():
            plan = self._planner.plan(request, self._watch.look(), purge=purge)
            return self._execute(principal, self._keep(principal, plan))

    # the trash

    def trash(self, principal: Principal) -> tuple[TrashEntry, ...]:
        """List what can be brought back, the latest first."""
        principal.require_admin()
        return self._trash.entries()

    def restore(self, principal: Principal, trash_id: str) -> Restored:
        """Bring an entry back; raises `UnknownTrash`."""
        principal.require_admin()
        with self._trash.exclusive():
            entry = self._entry(trash_id)
            if entry.state is TrashState.PURGING:
                raise UnknownTrash("The trash no longer has this entry whole: it is being freed.")
            restored = self._trash.restore(entry)
        log.info("%s brought %s back from the trash", principal.username, entry.names)
        self._after_change()
        return restored

    def purge(self, principal: Principal, trash_id: str) -> int:
        """Free an entry for good; returns the bytes that the volume gained."""
        principal.require_admin()
        with self._trash.exclusive():
            entry = self._entry(trash_id)
            freed = self._trash.purge(entry)
        log.info("%s purged %s: %d bytes", principal.username, entry.names, freed)
        self._changed()
        return freed

    def empty_trash(self, principal: Principal) -> int:
        """Free every entry; returns the bytes that the volume gained."""
        principal.require_admin()
        return sum(self.purge(principal, entry.id) for entry in self.trash(principal))

    # parts

    def _execute(self, principal: Principal, plan: DeletionPlan) -> Deletion:
        if plan.is_empty and self._trash.of_plan(plan.plan_id) is None:
            return self._nothing(plan)
        self._plans.set_state(plan.plan_id, "executing")
        return self._end(plan, self._execution.run(principal.username, plan))

    def _end(self, plan: DeletionPlan, done: Outcome) -> Deletion:
        self._plans.set_state(plan.plan_id, "done")
        log.info("plan %s removed %d bytes from the cache", plan.plan_id, done.freed_bytes)
        self._after_change()
        kept = (*plan.kept, *done.kept)
        return Deletion(plan, done.freed_bytes, done.deleted, kept, done.trash_id)

    def _take_up(self, principal: Principal, plan: DeletionPlan) -> Deletion:
        """Go on with an execution that was cut short.

        Only its entry in the trash tells what it has moved; where that has been freed or brought
        back since, the plan is as good as any other.
        """
        rest = self._without_needed(plan)
        if not self._execution.goes_on(plan):
            if (done := self._execution.ended(plan)) is not None:
                return self._end(plan, done)
            self._refuse_stale(principal, rest)
        return self._execute(principal, rest)

    def _nothing(self, plan: DeletionPlan) -> Deletion:
        if plan.request.is_for_one and plan.kept:
            raise ModelInUse(f"It stays: {plan.kept[0].reason}.")
        self._plans.set_state(plan.plan_id, "done")
        return Deletion(plan, 0, (), plan.kept, None)

    def _without_needed(self, plan: DeletionPlan) -> DeletionPlan:
        """What is left of a plan that was cut short when what came into use since stays."""
        needed = self._planner.needed(item.folder for item in plan.items if item.moves)
        stays = [item for item in plan.items if item.moves and item.folder in needed]
        kept = (kept_item(item, needed[item.folder]) for item in stays)
        items = tuple(item for item in plan.items if item not in stays)
        return replace(plan, items=items, kept=(*plan.kept, *kept))

    def _refuse_stale(self, principal: Principal, plan: DeletionPlan) -> None:
        fresh = self._planner.plan(plan.request, self._watch.look(), purge=plan.purge)
        if not plan.same_effect(fresh):
            self._plans.set_state(plan.plan_id, "stale")
            raise PlanIsStale(self._keep(principal, fresh))

    def _keep(self, principal: Principal, plan: DeletionPlan) -> DeletionPlan:
        self._plans.forget_before(self._clock() - dt.timedelta(hours=PLAN_HOURS))
        self._plans.add(plan.plan_id, principal.username, plan.created_at, plan_to_json(plan))
        return plan

    def _stored(self, plan_id: str) -> tuple[str, DeletionPlan]:
        found = self._plans.get(plan_id)
        if found is None:
            raise UnknownPlan("There is no such plan.")
        return found[0], plan_from_json(found[1])

    def _entry(self, trash_id: str) -> TrashEntry:
        entry = self._trash.get(trash_id)
        if entry is None:
            raise UnknownTrash("The trash has no such entry.")
        return entry

    def _after_change(self) -> None:
        self._watch.look()
        self._changed()
