"""Answers as people read them: tags as a table, captions as text, boxes on the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from yipyap_core.domain.engines import Answer, Box, Outcome, Verdict
from yipyap_core.errors import Invalid
from yipyap_core.families.base import Family
from yipyap_core.families.fields import fields_of
from yipyap_core.ui import boundary, formats, try_picture
from yipyap_core.ui.formats import plain
from yipyap_core.ui.try_engine import seconds
from yipyap_core.ui.try_runs import Attempt, Side, Trial

TABLE_ROWS: Final = 12
LEVELS: Final = {
    "yes": (":red[:material/branding_watermark:] **Watermarked**"),
    "possible": (":orange[:material/help:] **Possibly watermarked**"),
    "no": (":green[:material/check_circle:] **No watermark found**"),
}


def draw(family: Family, trial: Trial, attempt: Attempt, other: Attempt | None) -> None:
    """Draw what came of one side; `other` is the side it is compared with."""
    error, outcome = attempt.task.error, attempt.task.result
    if error is not None:
        _draw_error(family, error)
    elif outcome is not None:
        _draw_facts(outcome)
        _draw_answer(trial, attempt, outcome, other.task.result if other else None)


def _draw_error(family: Family, error: Exception) -> None:
    """Name fields by their labels, as the form does."""
    if isinstance(error, Invalid):
        labels = {f"config.{one.name}": one.label for one in fields_of(family.config)}
        fields = {labels.get(key, key): why for key, why in error.fields.items()}
        error = Invalid(error.message, code=error.code, hint=error.hint, fields=fields)
    boundary.show(error)  # type: ignore[arg-type]  # a task's error is one of ours


def _draw_facts(outcome: Outcome) -> None:
    info = outcome.info
    parts = [
        f"**{seconds(outcome.processing_seconds)}**",
        f"model {seconds(outcome.run_seconds)}",
        f"on {plain(info.device)}",
        plain(info.precision),
    ]
    if info.provider:
        parts.append(plain(info.provider))
    if outcome.load_seconds >= 0.05:
        parts.append(f"waited {seconds(outcome.load_seconds)} for loading")
    st.caption(" · ".join(parts), help=plain(info.device_reason) or None)


def _draw_answer(trial: Trial, attempt: Attempt, outcome: Outcome, other: Outcome | None) -> None:
    answer = outcome.answer
    if answer.verdict is not None:
        _draw_verdict(answer.verdict)
    asked = try_picture.asked_region(attempt.params.get("region", ()))
    if answer.boxes or asked:
        others = other.answer.boxes if other else ()
        labels = tuple(sorted({box.label for box in (*answer.boxes, *others)}))
        _draw_picture(trial, attempt, (*answer.boxes, *asked), labels)
    if answer.boxes:
        _draw_boxes(answer.boxes, other.answer.boxes if other else None, attempt.side)
    elif answer.verdict is None and not answer.caption_type:
        st.image(trial.picture.small, width="stretch", alt="The picture, nothing found in it")
        st.caption("Nothing was found above the thresholds.")
    if answer.caption_type == "tags":
        _draw_tags(answer, other.answer if other else None, attempt)
    elif answer.caption_type:
        _draw_text(answer)


def _draw_verdict(verdict: Verdict) -> None:
    st.markdown(LEVELS.get(verdict.level, plain(verdict.level)))
    for column, label, score in zip(
        st.columns(2),
        ("YOLO, best box", "OWLv2 classifier"),
        (verdict.yolo_score, verdict.owlv2_score),
        strict=True,
    ):
        with column:
            st.metric(label, "not asked" if score is None else f"{score:.3f}", border=True)


def _draw_picture(
    trial: Trial, attempt: Attempt, boxes: Sequence[Box], labels: tuple[str, ...]
) -> None:
    if labels not in attempt.drawn:
        attempt.drawn[labels] = try_picture.with_boxes(trial.picture, boxes, labels)
    what = formats.count(len(boxes), "region")
    st.image(attempt.drawn[labels], width="stretch", alt=f"The picture with {what} drawn on it")


def _draw_boxes(boxes: Sequence[Box], others: Sequence[Box] | None, side: Side) -> None:
    """Draw the table under the picture; scores only where the model gives some."""
    known = None if others is None else {_identity(box) for box in others}
    mine = [_identity(box) for box in boxes]
    st.caption(_difference("region", mine, known, side))
    columns: dict[str, list[object]] = {"Label": [box.label for box in boxes]}
    if any(box.score is not None for box in boxes):
        columns["Score"] = [box.score for box in boxes]
    if known is not None:
        columns["Only here"] = [one not in known for one in mine]
    columns["Left, top, right, bottom"] = [
        ", ".join(f"{at:.0f}" for at in box.xyxy) for box in boxes
    ]
    _draw_table(columns, key=f"boxes-{side}")


def _identity(box: Box) -> str:
    """Tells boxes apart that two runs drew; a threshold moves none of them."""
    return f"{box.label} {[round(at) for at in box.xyxy]} {len(box.points)}"


def _draw_tags(answer: Answer, other: Answer | None, attempt: Attempt) -> None:
    tags = answer.tags
    if not tags:
        st.caption("No tag passed the thresholds.")
        return
    known = {tag.name for tag in other.tags} if other else None
    st.caption(_difference("tag", [tag.name for tag in tags], known, attempt.side))
    columns: dict[str, list[object]] = {
        "Tag": [tag.name for tag in tags],
        "Score": [tag.score for tag in tags],
    }
    if known is not None:
        columns["Only here"] = [tag.name not in known for tag in tags]
    columns["Category"] = [tag.category for tag in tags]
    _draw_table(columns, key=f"tags-{attempt.side}")
    st.code(answer.caption or ", ".join(tag.name for tag in tags), language=None, wrap_lines=True)


def _draw_table(columns: dict[str, list[object]], *, key: str) -> None:
    """Draw what was found, best first; a long table scrolls in itself."""
    is_long = len(next(iter(columns.values()))) > TABLE_ROWS
    st.dataframe(
        columns,
        hide_index=True,
        height=35 * (TABLE_ROWS + 1) + 3 if is_long else "content",
        column_config={"Score": _bar(), "Only here": st.column_config.CheckboxColumn()},
        key=key,
    )


def _difference(what: str, mine: Sequence[str], theirs: set[str] | None, side: Side) -> str:
    """How many, and how many of them only one side has."""
    counted = formats.count(len(mine), what)
    if theirs is None:
        return counted
    there = "with your edits" if side is Side.SAVED else "with the saved settings"
    here, elsewhere = len(set(mine) - theirs), len(theirs.difference(mine))
    return f"{counted} · {here} only here · {elsewhere} only {there}"


def _draw_text(answer: Answer) -> None:
    if not answer.caption:
        st.caption("The model wrote nothing.")
        return
    st.code(answer.caption, language=None, wrap_lines=True)


def _bar() -> Any:
    return st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=1.0)
