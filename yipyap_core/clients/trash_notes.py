"""The note beside each entry of the trash: who removed what when, as JSON."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from yipyap_core.clients.cache_layout import SHARED_DIR, split_folder
from yipyap_core.domain.trash import TrashEntry, TrashItem, TrashState

ENTRY_FILE = "entry.json"
CONTENT, PURGED = "content", "purged"


def write_note(place: Path, entry: TrashEntry) -> None:
    """Replace the note of an entry, so that it is whole whenever it is read."""
    unfinished = place / f"{ENTRY_FILE}.tmp"
    with unfinished.open("w", encoding="utf-8") as file:
        json.dump(_to_json(entry), file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(place / ENTRY_FILE)


def content_of(place: Path) -> Path:
    """The folder with what went, laid out as in the cache; also where it is being freed."""
    return place / (PURGED if (place / PURGED).exists() else CONTENT)


def begin_purge(place: Path) -> None:
    """Note that an entry is being freed, by a name: a full volume would take no other note."""
    if (place / CONTENT).exists():
        (place / CONTENT).rename(place / PURGED)


def _is_purged(place: Path) -> bool:
    """Whether an entry is being freed, down to its note: what is kept has its content."""
    return not (place / CONTENT).exists()


def read_note(place: Path) -> TrashEntry | None:
    """Read the note of an entry; where it is damaged, tell what can be seen of the content."""
    try:
        entry = _from_json(place.name, json.loads((place / ENTRY_FILE).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return _salvaged(place)
    return replace(entry, state=TrashState.PURGING) if _is_purged(place) else entry


def _salvaged(place: Path) -> TrashEntry | None:
    try:
        folders = sorted(path.name for path in content_of(place).iterdir())
        moment = dt.datetime.fromtimestamp(place.stat().st_mtime, dt.UTC)
    except OSError:
        return None
    named = [(folder, split_folder(folder)) for folder in folders if folder != SHARED_DIR]
    items = [TrashItem(folder, name[1], name[0], (), False) for folder, name in named if name]
    state = TrashState.PURGING if _is_purged(place) else TrashState.FILLING
    return TrashEntry(place.name, "", "unknown", moment, state, tuple(items))


def _to_json(entry: TrashEntry) -> dict[str, Any]:
    return {
        "plan_id": entry.plan_id,
        "actor": entry.actor,
        "created_at": entry.created_at.isoformat(),
        "state": entry.state.value,
        "bytes": entry.bytes,
        "items": [_item_to_json(item) for item in entry.items],
    }


def _item_to_json(item: TrashItem) -> dict[str, Any]:
    return {
        "folder": item.folder,
        "repo_id": item.repo_id,
        "repo_type": item.repo_type,
        "revisions": list(item.revisions),
        "is_whole": item.is_whole,
    }


def _from_json(trash_id: str, kept: dict[str, Any]) -> TrashEntry:
    return TrashEntry(
        id=trash_id,
        plan_id=kept["plan_id"],
        actor=kept["actor"],
        created_at=dt.datetime.fromisoformat(kept["created_at"]),
        state=TrashState(kept["state"]),
        items=_items(kept["items"]),
        bytes=int(kept["bytes"]),
    )


def _items(kept: Iterable[dict[str, Any]]) -> tuple[TrashItem, ...]:
    return tuple(TrashItem(**{**item, "revisions": tuple(item["revisions"])}) for item in kept)
