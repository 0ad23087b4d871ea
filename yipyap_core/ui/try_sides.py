"""What each side of a trial would run and what it lacks; one side never holds the other up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yipyap_core.domain.configs import ConfigView
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.errors import ConfigInvalid
from yipyap_core.families.base import Family
from yipyap_core.families.fields import fields_of, parse
from yipyap_core.ui import snapshot
from yipyap_core.ui.config_draft import Draft
from yipyap_core.ui.formats import plain
from yipyap_core.ui.try_runs import Side, Trial


@dataclass(frozen=True, slots=True)
class SidePlan:
    """One side before it is run."""

    side: Side
    edits: dict[str, Any]
    """What it changes of the saved settings."""
    model_ids: tuple[str, ...]
    missing: tuple[str, ...]
    """Those of its models whose files are not here."""


def plans(family: Family, view: ConfigView, draft: Draft) -> tuple[SidePlan, ...]:
    """The saved settings, and the draft where it has edits that fit."""
    wanted: dict[Side, dict[str, Any]] = {Side.SAVED: {}}
    if draft.edits and not draft.reasons():
        wanted[Side.DRAFT] = draft.edits
    return tuple(_plan(family, view, side, edits) for side, edits in wanted.items())


def values_of(family: Family, view: ConfigView, draft: Draft, trial: Trial, side: Side) -> str:
    """What the edits of a trial changed, as this side had it, and what has moved on since."""
    tried = trial.of(Side.DRAFT)
    edits = tried.edits if tried else {}
    parts = []
    for one in fields_of(family.config):
        if one.name in edits:
            saved, edited = (
                plain(one.describe(trial.saved[one.name])),
                one.describe(edits[one.name]),
            )
            value = f"**{saved}**" if side is Side.SAVED else f"{saved} → **{plain(edited)}**"
            parts.append(f"{plain(one.label)} {value}")
    if side is Side.SAVED and trial.saved != view.config:
        parts.append(":orange[other settings were saved since]")
    if side is Side.DRAFT and {**trial.saved, **edits} != {**view.config, **draft.edits}:
        parts.append(":orange[the form has changed since]")
    return " · ".join(parts)


def _plan(family: Family, view: ConfigView, side: Side, edits: dict[str, Any]) -> SidePlan:
    ids = _model_ids(family, view, edits)
    return SidePlan(side, edits, ids, () if _has_own_files(family, view) else _missing(ids))


def _model_ids(family: Family, view: ConfigView, edits: Mapping[str, Any]) -> tuple[str, ...]:
    """The models that the settings choose; none when they do not fit."""
    try:
        return parse(family.config, {**view.config, **edits}).model_ids()
    except ConfigInvalid:
        return ()


def _has_own_files(family: Family, view: ConfigView) -> bool:
    """Whether the saved settings name files, which then stand in for the downloaded ones."""
    return any(view.config[one.name] for one in fields_of(family.config) if one.path)


def _missing(model_ids: tuple[str, ...]) -> tuple[str, ...]:
    statuses = snapshot.statuses()
    known = (one for one in model_ids if one in statuses)
    return tuple(one for one in known if statuses[one].status is not DownloadState.COMPLETED)
