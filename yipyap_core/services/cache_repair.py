"""Replaces damaged files: the wrong contents go into the trash, the right ones are fetched."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from yipyap_core.domain.deletion import PlanKind, PlanRequest
from yipyap_core.domain.users import Principal
from yipyap_core.domain.verification import Damage, Mismatch
from yipyap_core.errors import UnknownRepository, YipyapError
from yipyap_core.services.cache_deletion import CacheDeletion, Deletion
from yipyap_core.services.cache_usage import CacheUsage
from yipyap_core.services.cache_verify import CacheVerification

Fetch = Callable[[Principal, str], object]
"""Starts the download of a registered model: it fetches only what is missing."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done for one repository."""

    repo_id: str
    repo_type: str
    removed_files: int
    trash_id: str | None
    fetching: tuple[str, ...]
    """Registered models whose downloads were started."""
    problem: str | None = None
    """Why something stayed as it is."""
    by_hand: str | None = None
    """The line that fetches the files where no registered model does."""


class CacheRepair:
    """Acts on what a check found."""

    def __init__(
        self, *, verification: CacheVerification, deletion: CacheDeletion, usage: CacheUsage
    ) -> None:
        """`fetch_by` names who fetches; without it only the damaged files go."""
        self._verification = verification
        self._deletion = deletion
        self._usage = usage
        self._fetch: Fetch | None = None

    def fetch_by(self, fetch: Fetch) -> None:
        """Start downloads with `fetch`."""
        self._fetch = fetch

    def repair(self, principal: Principal, verify_id: str) -> tuple[Repair, ...]:
        """Replace what a check found damaged; raises `UnknownJob`."""
        principal.require_admin()
        by_folder: dict[str, list[Mismatch]] = defaultdict(list)
        for mismatch in self._verification.get(principal, verify_id).report.mismatches:
            by_folder[mismatch.folder].append(mismatch)
        return tuple(self._repair(principal, found) for found in by_folder.values())

    def _repair(self, principal: Principal, found: list[Mismatch]) -> Repair:
        first = found[0]
        removed = self._remove(principal, first.folder, found)
        if removed is not None and removed.kept:
            reason = removed.kept[0].reason
            return Repair(first.repo_id, first.repo_type, 0, None, (), f"It stays: {reason}.")
        fetching, problem = self._start(principal, first.folder)
        return Repair(
            repo_id=first.repo_id,
            repo_type=first.repo_type,
            removed_files=sum(item.files for item in removed.deleted) if removed else 0,
            trash_id=removed.trash_id if removed else None,
            fetching=fetching,
            problem=problem,
            by_hand=None if fetching else _line(first),
        )

    def _remove(self, principal: Principal, folder: str, found: list[Mismatch]) -> Deletion | None:
        stored = {one.stored for one in found if one.kind is Damage.CONTENT and one.stored}
        if not stored:
            return None
        request = PlanRequest(PlanKind.DAMAGED, folder, choices=tuple(sorted(stored)))
        try:
            return self._deletion.delete(principal, request)
        except UnknownRepository:
            return None  # it has gone since the check

    def _start(self, principal: Principal, folder: str) -> tuple[tuple[str, ...], str | None]:
        started: list[str] = []
        for model_id in self._usage.registry_ids().get(folder, ()) if self._fetch else ():
            assert self._fetch is not None
            try:
                self._fetch(principal, model_id)
            except YipyapError as error:
                return tuple(started), error.message
            started.append(model_id)
        return tuple(started), None


def _line(mismatch: Mismatch) -> str:
    words = ["hf", "download", mismatch.repo_id, "--revision", mismatch.commit]
    if mismatch.repo_type != "model":
        words += ["--repo-type", mismatch.repo_type]
    return shlex.join(words)
