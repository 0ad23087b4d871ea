"""One picture, run with the saved settings and with the draft: what runs, and what came of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import streamlit as st

from yipyap_core.domain.engines import Outcome
from yipyap_core.domain.models import ModelType
from yipyap_core.domain.users import Principal
from yipyap_core.families.base import Family
from yipyap_core.services.container import current
from yipyap_core.services.engines.picture import Picture
from yipyap_core.ui import try_picture, try_tasks
from yipyap_core.ui.try_picture import Shown
from yipyap_core.ui.try_tasks import Task

TIMEOUT_SECONDS: Final = 900.0
"""Loading a large model is part of the wait."""

_TRIALS: Final = "yipyap.trials"


class Side(StrEnum):
    """Which settings an answer belongs to."""

    SAVED = "saved"
    DRAFT = "draft"


@dataclass(slots=True)
class Attempt:
    """One side of a trial."""

    side: Side
    edits: dict[str, Any]
    """What the draft changed when it was run; empty for the saved settings."""
    params: Mapping[str, Any]
    """What was asked for this run only, such as a task and its region."""
    task: Task[Outcome]
    pieces: list[str] = field(default_factory=list)
    """Text as it is written, where the model tells."""
    drawn: dict[tuple[str, ...], bytes] = field(default_factory=dict)
    """The picture with the answer's boxes, by the labels of both sides that set its colours."""


@dataclass(slots=True)
class Trial:
    """Everything of one press on the button."""

    picture: Shown
    saved: Mapping[str, Any]
    """The saved settings when it was run."""
    attempts: tuple[Attempt, ...]

    @property
    def is_running(self) -> bool:
        """Whether an answer is still awaited."""
        return any(attempt.task.is_running for attempt in self.attempts)

    def of(self, side: Side) -> Attempt | None:
        """One side; None when it was not run."""
        return next((one for one in self.attempts if one.side is side), None)

    def cancel(self) -> None:
        """Give up what still runs."""
        for attempt in self.attempts:
            attempt.task.cancelled.set()


def present(family_id: str) -> Trial | None:
    """This tab's last trial of a family; one of another picture is dropped."""
    trials, shown = _trials(), try_picture.present()
    trial = trials.get(family_id)
    if trial is not None and (shown is None or shown.id != trial.picture.id):
        trial.cancel()
        del trials[family_id]
        return None
    return trial


def begin(
    principal: Principal,
    family: Family,
    saved: Mapping[str, Any],
    wanted: Mapping[Side, Mapping[str, Any]],
    params: Mapping[str, Any],
) -> None:
    """Run the tab's picture on the wanted sides at the same time, each with its edits.

    A press while a trial runs does nothing.
    """
    shown, before = try_picture.present(), present(family.id)
    if shown is None or (before is not None and before.is_running):
        return
    attempts = tuple(
        _attempt(principal, family, shown, side, edits, params) for side, edits in wanted.items()
    )
    _trials()[family.id] = Trial(shown, dict(saved), attempts)


def cancel(family_id: str) -> None:
    """Give up the trial that runs, if one does."""
    trial = present(family_id)
    if trial is not None:
        trial.cancel()


def _attempt(
    principal: Principal,
    family: Family,
    shown: Shown,
    side: Side,
    edits: Mapping[str, Any],
    params: Mapping[str, Any],
) -> Attempt:
    cancelled, pieces = threading.Event(), list[str]()
    picture = Picture(
        shown.data,
        dict(edits),
        {**params, "stream": True},
        TIMEOUT_SECONDS,
        on_text=pieces.append,
        cancelled=cancelled,
    )
    engines = current().engines
    ask = engines.detect if family.type is ModelType.DETECTION else engines.caption
    task = try_tasks.begin(lambda: ask(principal, family.id, picture), cancelled)
    return Attempt(side, dict(edits), params, task, pieces)


def _trials() -> dict[str, Trial]:
    trials: dict[str, Trial] = st.session_state.setdefault(_TRIALS, {})
    return trials
