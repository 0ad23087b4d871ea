"""Which worker serves a family while settings change: the old one until the new one is ready."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from yipyap_core.domain.engines import EngineState, LoadPlan
from yipyap_core.engines.pool import EnginePool
from yipyap_core.errors import YipyapError

LIVE = frozenset({EngineState.READY, EngineState.BUSY})


@dataclass(frozen=True, slots=True)
class Reload:
    """A successor that is being loaded, or why it could not be."""

    plan: LoadPlan
    error: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it is still on its way."""
        return not self.error


class Successions:
    """Remembers what serves each family, and swaps it when a successor is loaded."""

    def __init__(self, pool: EnginePool) -> None:
        """Nothing serves yet."""
        self._pool = pool
        self._guard = threading.Lock()
        self._serving: dict[str, LoadPlan] = {}
        self._reloads: dict[str, Reload] = {}

    def to_ask(self, family_id: str, wanted: LoadPlan) -> LoadPlan:
        """The plan that answers a request now; starts loading the wanted one where it differs."""
        with self._guard:
            serving = self._serving.get(family_id)
        if serving is None or serving.key == wanted.key or not self._is_live(serving):
            with self._guard:
                self._serving[family_id] = wanted
                self._reloads.pop(family_id, None)
            return wanted
        self.reload(family_id, wanted)
        return serving

    def reload(self, family_id: str, wanted: LoadPlan) -> threading.Thread | None:
        """Load a successor beside what serves; None when nothing serves or it is tried already."""
        with self._guard:
            serving, tried = self._serving.get(family_id), self._reloads.get(family_id)
            if serving is None or serving.key == wanted.key:
                self._reloads.pop(family_id, None)
                return None
            if tried and tried.plan.key == wanted.key:
                return None
            self._reloads[family_id] = Reload(wanted)
        thread = threading.Thread(
            target=self._succeed, args=(family_id, serving, wanted), name="reload", daemon=True
        )
        thread.start()
        return thread

    def failed_to_plan(self, family_id: str, error: YipyapError) -> None:
        """Note settings that cannot even be planned, such as those of a missing model."""
        with self._guard:
            if serving := self._serving.get(family_id):
                self._reloads[family_id] = Reload(serving, error.message)

    def settle(self, family_id: str, plan: LoadPlan) -> None:
        """A person loaded this plan: it serves from now on."""
        with self._guard:
            self._serving[family_id] = plan
            self._reloads.pop(family_id, None)

    def serving(self, family_id: str) -> LoadPlan | None:
        """What serves the family; None before its first request."""
        with self._guard:
            return self._serving.get(family_id)

    def reload_of(self, family_id: str) -> Reload | None:
        """The successor under way, or the last failure."""
        with self._guard:
            return self._reloads.get(family_id)

    def _is_live(self, plan: LoadPlan) -> bool:
        status = self._pool.ledger.status(plan.key)
        return status is not None and status.state in LIVE

    def _succeed(self, family_id: str, old: LoadPlan, new: LoadPlan) -> None:
        self._pool.keep(old.key, True)
        try:
            self._pool.load(new)
        except YipyapError as error:
            self._pool.keep(old.key, False)
            with self._guard:
                if self._is_newest(family_id, new):
                    self._reloads[family_id] = Reload(new, error.message)
            return
        with self._guard:
            newest = self._is_newest(family_id, new)
            if newest:
                self._serving[family_id] = new
                del self._reloads[family_id]
        self._pool.retire(old.key if newest else new.key)
        self._pool.keep(old.key, False)

    def _is_newest(self, family_id: str, plan: LoadPlan) -> bool:
        reload = self._reloads.get(family_id)
        return reload is not None and reload.plan.key == plan.key
