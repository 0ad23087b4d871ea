"""Does what a deletion plan says: moves into the trash, and frees at once where it purges."""

from __future__ import annotations

import datetime as dt
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.clients.cache_faults import (
    CacheNotWritable,
    CacheSpansVolumes,
    CacheVolumeFull,
)
from yipyap_core.clients.cache_removal import remove_in_place
from yipyap_core.clients.cache_trash import CacheTrash
from yipyap_core.domain.deletion import DeletionPlan, KeptItem, PlanItem
from yipyap_core.domain.trash import TrashEntry, TrashItem, TrashState

Items = tuple[PlanItem, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a plan."""

    freed_bytes: int
    """What went out of the cache, by an earlier execution that was cut short as well."""
    deleted: Items
    kept: tuple[KeptItem, ...] = ()
    """What could not be moved."""
    trash_id: str | None = None
    """Where it can be brought back from; None when it was freed at once."""


class PlanExecution:
    """Moves what a plan names; whether the plan still holds is for the caller to know."""

    def __init__(
        self, *, cache_dir: Path, trash: CacheTrash, clock: Callable[[], dt.datetime]
    ) -> None:
        """The trash has to be held by the caller."""
        self._cache_dir = cache_dir
        self._trash = trash
        self._clock = clock

    def goes_on(self, plan: DeletionPlan) -> bool:
        """Whether an execution that was cut short can be taken up where it stood."""
        begun = self._trash.of_plan(plan.plan_id)
        return begun is not None and begun.state is not TrashState.PURGING

    def ended(self, plan: DeletionPlan) -> Outcome | None:
        """What an execution that was cut short while it freed has done; None if not all is gone.

        Nothing is freed before everything was moved.
        """
        begun = self._trash.of_plan(plan.plan_id)
        if begun is not None:
            self._trash.purge(begun)
        items = tuple(item for item in plan.items if item.moves)
        return None if any(map(self._is_there, items)) else Outcome(plan.freed_bytes, items)

    def run(self, actor: str, plan: DeletionPlan) -> Outcome:
        """Do what is left of a plan; all of it ends in the same entry, or is purged with it."""
        items = tuple(item for item in plan.items if item.moves)
        begun = self._trash.of_plan(plan.plan_id)
        entry = begun or self._new_entry(actor, plan, items)
        try:
            self._trash.open_entry(entry)
        except CacheVolumeFull:
            if not plan.purge:
                raise
            return self._free_in_place(plan, items, begun)
        return self._fill(entry, items, purge=plan.purge)

    def _fill(self, entry: TrashEntry, items: Items, *, purge: bool) -> Outcome:
        deleted, kept = self._move_all(entry, items)
        closed = self._trash.close_entry(entry)
        if closed is None:
            return Outcome(0, deleted, kept)
        if purge:
            self._trash.purge(closed)
        return Outcome(closed.bytes, deleted, kept, None if purge else closed.id)

    def _move_all(self, entry: TrashEntry, items: Items) -> tuple[Items, tuple[KeptItem, ...]]:
        done, kept = [], []
        for item in items:
            try:
                came_back = self._trash.move_in(entry, item.folder, item.moves)
            except (CacheNotWritable, CacheSpansVolumes) as error:
                kept.append(kept_item(item, error.message))
                continue
            done.append(item)
            if came_back:
                words = f"{len(came_back)} files came into use in that moment and were put back"
                kept.append(kept_item(item, words))
        return tuple(done), tuple(kept)

    def _free_in_place(self, plan: DeletionPlan, items: Items, begun: TrashEntry | None) -> Outcome:
        for item in items:
            moves = self._trash.left(begun, item.folder, item.moves) if begun else item.moves
            remove_in_place(self._cache_dir, item.folder, moves)
        if begun is not None:
            self._trash.purge(begun)
        return Outcome(plan.freed_bytes, items)

    def _is_there(self, item: PlanItem) -> bool:
        root = self._cache_dir / item.folder
        return any(os.path.lexists(root / move) for move in item.moves)

    def _new_entry(self, actor: str, plan: DeletionPlan, items: Items) -> TrashEntry:
        return TrashEntry(
            id=secrets.token_hex(12),
            plan_id=plan.plan_id,
            actor=actor,
            created_at=self._clock(),
            state=TrashState.FILLING,
            items=tuple(_trash_item(item) for item in items),
        )


def kept_item(item: PlanItem, reason: str) -> KeptItem:
    """Say why an item of a plan stays."""
    return KeptItem(item.folder, item.repo_id, item.repo_type, reason)


def _trash_item(item: PlanItem) -> TrashItem:
    return TrashItem(item.folder, item.repo_id, item.repo_type, item.revisions, item.is_whole)
