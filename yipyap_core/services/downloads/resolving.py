"""Asks the hub what a repository holds, in a way that a job can give up at any moment."""

from __future__ import annotations

import threading
from typing import Protocol

from yipyap_core.domain.downloads import RepoSnapshot
from yipyap_core.domain.models import RepoRef
from yipyap_core.errors import HubUnreachable, YipyapError
from yipyap_core.jobs.work import JobContext

PATIENCE_SECONDS = 1800.0
"""The hub client's own time-outs begin anew with every byte of a head."""


class Resolver(Protocol):
    """Says what a repository holds at the commit that its revision points to."""

    def resolve(self, repo: RepoRef) -> RepoSnapshot:
        """Ask the hub; raises `TransferError`."""


def resolve(
    context: JobContext,
    hub: Resolver,
    repo: RepoRef,
    patience_seconds: float = PATIENCE_SECONDS,
) -> RepoSnapshot:
    """Wait for a call that knows no cancellation; then, or when it takes too long, leave it."""
    found: list[RepoSnapshot] = []
    errors: list[YipyapError] = []
    done = threading.Event()

    def call() -> None:
        try:
            found.append(hub.resolve(repo))
        except YipyapError as error:
            errors.append(error)
        finally:
            done.set()

    withdraw = context.token.on_cancel(done.set)
    threading.Thread(target=call, name="resolve", daemon=True).start()
    in_time = done.wait(patience_seconds)
    withdraw()
    context.token.raise_if_cancelled()
    if found:
        return found[0]
    if not in_time:
        raise HubUnreachable(f"The hub came to no end when asked about {repo.repo_id}.")
    raise errors[0] if errors else RuntimeError("resolving ended without an answer")
