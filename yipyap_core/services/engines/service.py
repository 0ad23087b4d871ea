"""Models that answer: load, unload, caption, detect; what runs and how it is.

The pool keeps the workers, this service knows registry, settings and callers. Users may run models
where the administrators opened that; everything that changes what is loaded is administrators'.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from functools import partial

from yipyap_core.domain.engine_limits import EngineLimits
from yipyap_core.domain.engines import (
    AnswerKind,
    CanaryReport,
    EngineState,
    EngineStatus,
    LoadPlan,
    Outcome,
    WorkerStatus,
)
from yipyap_core.domain.users import Principal, Role
from yipyap_core.engines.asking import Ask
from yipyap_core.engines.pool import EnginePool
from yipyap_core.errors import Forbidden, YipyapError
from yipyap_core.families.base import Family, FamilyConfig
from yipyap_core.services.engines.canary import CanaryBook
from yipyap_core.services.engines.checks import (
    Arrivals,
    ChecksAfterDownload,
    EngineChecks,
    event_of,
)
from yipyap_core.services.engines.choices import EngineChoices
from yipyap_core.services.engines.events import Publish, publish_changes
from yipyap_core.services.engines.picture import Picture
from yipyap_core.services.engines.reloads import Successions
from yipyap_core.services.registry import RegistryService


def utc_now() -> dt.datetime:
    """The present moment, aware."""
    return dt.datetime.now(dt.UTC)


class EnginesService:
    """Every method may be called from any thread; answers come in the caller's."""

    def __init__(
        self,
        *,
        pool: EnginePool,
        choices: EngineChoices,
        registry: RegistryService,
        canaries: CanaryBook,
        downloads: Arrivals | None = None,
        users_may_run: bool = False,
        publish: Publish = lambda _type, _id, _data: None,
        record_use: Callable[[str], None] = lambda _folder: None,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        """`record_use` is told the repository's folder of each model that answers.

        What ends well among the `downloads` is checked by itself; None: nothing is.
        """
        self._pool = pool
        self._choices = choices
        self._registry = registry
        self._users_may_run = users_may_run
        self._publish = publish
        self._record_use = record_use
        self._clock = clock
        self._successions = Successions(pool)
        self._closing = threading.Event()
        self._reports = 0
        self._checks = EngineChecks(
            pool=pool, choices=choices, book=canaries, told=self._told, clock=clock
        )
        self._fresh = ChecksAfterDownload(self._checks, downloads) if downloads else None

    # ---- the server's life

    def start(self) -> None:
        """Begin to unload what is idle and to publish what changes."""
        self._pool.start()
        if self._fresh:
            self._fresh.start()
        watch = partial(publish_changes, self._pool, self._publish, self._closing)
        threading.Thread(target=watch, name="engine events", daemon=True).start()

    def close(self) -> None:
        """End every worker."""
        self._closing.set()
        if self._fresh:
            self._fresh.close()
        self._pool.close()

    # ---- reading

    @property
    def generation(self) -> int:
        """A number that moves whenever a worker's state or a report may have changed."""
        return self._pool.ledger.generation + self._reports

    @property
    def checks_due(self) -> tuple[str, ...]:
        """Models that were downloaded and are being checked, or are still to be."""
        return self._fresh.waiting if self._fresh else ()

    def limits(self, principal: Principal) -> EngineLimits:
        """What loaded models may take and hold, and how long anything waits."""
        principal.require_admin()
        budget, held, cards = self._pool.loader.limits()
        options = self._pool.options
        return EngineLimits(
            ram_budget_bytes=budget,
            ram_held_bytes=held,
            cards=cards,
            idle_seconds=options.idle_seconds,
            queue_limit=options.queue_limit,
            request_timeout_seconds=options.request_timeout_seconds,
            load_timeout_seconds=options.load_timeout_seconds,
            checks_downloads=self._fresh is not None,
        )

    def list(self, principal: Principal) -> tuple[EngineStatus, ...]:
        """Every model that an engine runs."""
        principal.require_admin()
        workers = _by_model(self._pool.ledger.statuses())
        return tuple(
            self._status(spec.id, family, workers.get(spec.id))
            for spec, family, _ in self._choices.models()
        )

    def status(self, principal: Principal, model_id: str) -> EngineStatus:
        """One model; raises `NotFound`."""
        principal.require_admin()
        family, _ = self._choices.family(self._registry.get(model_id).id)
        return self._status(model_id, family, _by_model(self._pool.ledger.statuses()).get(model_id))

    def worker(self, principal: Principal, model_id: str) -> WorkerStatus | None:
        """How the model's worker stands; no store and no file is asked, so a page may poll it."""
        principal.require_admin()
        return _by_model(self._pool.ledger.statuses()).get(model_id)

    def in_use(self) -> dict[str, str]:
        """Folders of the cache that a worker reads -> a phrase, for whoever deletes there."""
        loaded = [one for one in self._pool.ledger.statuses() if one.pid or _is_loading(one)]
        return {
            folder: f"{' and '.join(one.plan.model_ids)} is loaded"
            for one in loaded
            for folder in self._choices.folders(one.plan)
        }

    # ---- changing what is loaded

    def load(self, principal: Principal, model_id: str) -> EngineStatus:
        """Bring a model into memory and wait; forgives earlier crashes."""
        principal.require_admin()
        family, plan = self._plan_of(model_id)
        self._pool.load(plan)
        if model_id in self._choices.saved(family).model_ids():
            self._successions.settle(family.id, plan)
        return self.status(principal, model_id)

    def unload(self, principal: Principal, model_id: str) -> EngineStatus:
        """End the model's workers and give their memory back; raises `ModelInUse`."""
        principal.require_admin()
        for worker in self._workers_of(model_id):
            self._pool.unload(worker.key)
        return self.status(principal, model_id)

    def pin(self, principal: Principal, model_id: str, pinned: bool) -> EngineStatus:
        """Keep a loaded model whatever else is needed, or no longer."""
        principal.require_admin()
        for worker in self._workers_of(model_id):
            self._pool.pin(worker.key, pinned)
        return self.status(principal, model_id)

    def config_changed(self, name: str, old: FamilyConfig, new: FamilyConfig) -> None:
        """Load a successor of what serves, where the new settings need one; never raises."""
        del old
        if self._successions.serving(name) is None:
            return
        try:
            family, _ = self._choices.family(name)
            plan = self._choices.plan(family, new)
        except YipyapError as error:
            self._successions.failed_to_plan(name, error)
            return
        self._successions.reload(name, plan)

    # ---- answering

    def caption(self, principal: Principal, generator: str, picture: Picture) -> Outcome:
        """Tags or a caption; `generator` is a family's name or a model's id."""
        return self._answer(principal, generator, AnswerKind.CAPTION, picture)

    def detect(self, principal: Principal, detector: str, picture: Picture) -> Outcome:
        """Boxes, and a verdict from the watermark family."""
        return self._answer(principal, detector, AnswerKind.DETECTION, picture)

    def canary(self, principal: Principal, model_id: str) -> CanaryReport:
        """Ask about the fixed picture and compare with the last good answer; never raises it."""
        principal.require_admin()
        self._registry.get(model_id)
        return self._checks.check(model_id, principal.username)

    def _answer(
        self, principal: Principal, name: str, kind: AnswerKind, picture: Picture
    ) -> Outcome:
        self._require_may_run(principal)
        family, model_id = self._choices.family(name, kind)
        base = self._choices.config_for(family, model_id)
        config = self._choices.draft(family, base, picture.draft, may_reload=principal.is_admin)
        outcome = self._pool.run(
            Ask(
                plan=self._plan_to_ask(family, config, model_id),
                picture=picture.data,
                config=config.model_dump(),
                params=picture.params,
                timeout_seconds=picture.timeout_seconds
                or self._pool.options.request_timeout_seconds,
                on_text=picture.on_text,
                cancelled=picture.cancelled,
            )
        )
        for one in outcome.model_ids:
            self._record_use(self._registry.get(one).repo.folder_name)
        return outcome

    def _plan_to_ask(self, family: Family, config: FamilyConfig, model_id: str | None) -> LoadPlan:
        """Saved settings go through the succession; a draft that loads another model does not."""
        plan = self._choices.plan(family, config, model_id)
        is_saved = self._choices.is_saved(family, plan)
        return self._successions.to_ask(family.id, plan) if is_saved else plan

    def _require_may_run(self, principal: Principal) -> None:
        if principal.is_admin or (self._users_may_run and principal.role is Role.USER):
            return
        raise Forbidden("Only administrators may run models here.")

    def _plan_of(self, model_id: str) -> tuple[Family, LoadPlan]:
        family, _ = self._choices.family(self._registry.get(model_id).id)
        config = self._choices.config_for(family, model_id)
        return family, self._choices.plan(family, config, model_id)

    def _workers_of(self, model_id: str) -> tuple[WorkerStatus, ...]:
        return tuple(one for one in self._pool.ledger.statuses() if model_id in one.plan.model_ids)

    def _status(self, model_id: str, family: Family, worker: WorkerStatus | None) -> EngineStatus:
        reload = self._successions.reload_of(family.id)
        spec = self._registry.get(model_id)
        engine = next(one for _, owner, one in self._choices.models() if owner.id == family.id)
        return EngineStatus(
            model_id=model_id,
            name=spec.name,
            family=family.id,
            engine=engine.id,
            kind=engine.kind,
            state=worker.state if worker else EngineState.UNLOADED,
            downloaded=bool(self._choices.source(spec).files),
            worker=worker,
            configured=model_id in self._choices.saved(family).model_ids(),
            reloading=reload.is_running if reload else False,
            reload_error=reload.error if reload else "",
            canary=self._checks.last(model_id),
            check_is_due=model_id in self.checks_due,
        )

    def _told(self, report: CanaryReport) -> None:
        self._reports += 1
        self._publish("engine", report.model_id, event_of(report))


def _is_loading(worker: WorkerStatus) -> bool:
    return worker.state is EngineState.LOADING


def _by_model(workers: tuple[WorkerStatus, ...]) -> dict[str, WorkerStatus]:
    """The worker that matters most for each model: one that lives, else the one used last."""
    oldest = dt.datetime.min.replace(tzinfo=dt.UTC)
    ordered = sorted(workers, key=lambda one: (one.pid is not None, one.last_used_at or oldest))
    return {model_id: one for one in ordered for model_id in one.plan.model_ids}
