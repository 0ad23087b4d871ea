"""What a download job does: resolve, reserve, transfer, verify; each step is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from yipyap_core.domain.downloads import DownloadPlan, make_plan
from yipyap_core.domain.jobs import Phase
from yipyap_core.domain.models import ModelSpec
from yipyap_core.errors import FileNotInRepository
from yipyap_core.jobs.work import JobContext
from yipyap_core.services.downloads.fetch import FULL_WAIT_SECONDS, PlanFetch, Transfer
from yipyap_core.services.downloads.plans import document_of, kept_plan
from yipyap_core.services.downloads.resolving import Resolver, resolve
from yipyap_core.services.downloads.space import SpaceBook
from yipyap_core.sizes import size_words
from yipyap_core.stores.verified import VerifiedStore


class Catalog(Protocol):
    """Knows the models."""

    def get(self, model_id: str) -> ModelSpec:
        """Look one up; raises `UnknownModel`."""


class DownloadWorker:
    """Worker of `JobKind.DOWNLOAD`; one instance serves all jobs."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        hub: Resolver,
        transfer: Transfer,
        verified: VerifiedStore,
        space: SpaceBook,
        cache_dir: Path,
        full_wait_seconds: float = FULL_WAIT_SECONDS,
    ) -> None:
        """`transfer` and what follows it are handed to `PlanFetch`."""
        self._catalog = catalog
        self._hub = hub
        self._fetch = PlanFetch(
            transfer=transfer,
            verified=verified,
            space=space,
            cache_dir=cache_dir,
            full_wait_seconds=full_wait_seconds,
        )

    def __call__(self, context: JobContext) -> None:
        """Do one attempt, from wherever the last one stopped."""
        self._fetch.bring(context, self._plan(context, self._catalog.get(context.job.subject)))
        context.save(verified=True)

    def _plan(self, context: JobContext, spec: ModelSpec) -> DownloadPlan:
        context.phase(Phase.RESOLVING)
        if plan := kept_plan(context.document(), spec):
            return plan
        snapshot = resolve(context, self._hub, spec.repo)
        plan = make_plan(snapshot, spec.allow_patterns, spec.ignore_patterns)
        if not plan.files:
            sentence = f"{spec.repo_id} has no file that matches the model's patterns."
            raise FileNotInRepository(sentence)
        context.keep(document_of(spec, snapshot))
        context.save(commit=plan.commit, known_good=_is_known_good(spec, plan))
        context.meter.note("resolved", _resolved_sentence(spec, plan))
        return plan


def _is_known_good(spec: ModelSpec, plan: DownloadPlan) -> bool:
    return plan.commit in spec.known_good_commits


def _resolved_sentence(spec: ModelSpec, plan: DownloadPlan) -> str:
    known = " (known to be good)" if _is_known_good(spec, plan) else ""
    size = f"{len(plan.files)} files, {size_words(plan.total_bytes)}"
    return f"{spec.revision} is commit {plan.commit[:12]}{known}: {size}."
