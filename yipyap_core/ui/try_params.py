"""What a request may add that is no setting: a task's text, extra sentences, classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from yipyap_core.engines.florence_text import TASKS
from yipyap_core.engines.joycaption_prompts import extra_options
from yipyap_core.errors import Invalid
from yipyap_core.families.base import Family
from yipyap_core.families.fields import fields_of
from yipyap_core.ui import try_picture
from yipyap_core.ui.formats import plain
from yipyap_core.ui.try_picture import Shown

REGION: Final = "<REGION_TO_"
SAVED_TASK: Final = ""
SAID_CHARACTERS: Final = 120
TASKS_WITH_INPUT: Final = {
    "<CAPTION_TO_PHRASE_GROUNDING>": "Regions of a caption's phrases",
    "<REFERRING_EXPRESSION_SEGMENTATION>": "Outline of what a text names",
    "<OPEN_VOCABULARY_DETECTION>": "Objects that a text names",
    "<REGION_TO_SEGMENTATION>": "Outline of what is in a region",
    "<REGION_TO_CATEGORY>": "What a region is",
    "<REGION_TO_DESCRIPTION>": "Description of a region",
    "<REGION_TO_OCR>": "Text in a region",
}
"""The other tasks are choices of the settings and have their words there."""


def draw(family: Family, shown: Shown | None) -> None:
    """Draw the inputs of this family's engine for the picture; most have none."""
    painter = _PAINTERS.get(family.engine)
    if painter is not None:
        with st.expander("For this run only", icon=":material/tune:"):
            painter(family, shown)


def collected(family: Family) -> dict[str, Any]:
    """Read the inputs in a callback; raises `Invalid` where a task lacks its text or region."""
    reader = _READERS.get(family.engine)
    return reader() if reader else {}


def said(family: Family, params: Mapping[str, Any]) -> str:
    """What was asked for one run only, as Markdown; empty when nothing was."""
    parts = [
        f"{words} **{plain(_listed(params[name]))}**" for name, words in _ASKED if name in params
    ]
    if params.get("mcut"):
        parts.append("MCut")
    if task := params.get("task"):
        parts.insert(0, f"Task **{plain(_names_of_tasks(family).get(task, task))}**")
    return " · ".join(parts)


def region(family: Family) -> tuple[float, ...]:
    """Left, top, right and bottom that the chosen task asks about; empty for other tasks."""
    shown, task = try_picture.present(), str(_typed("task") or "")
    if family.engine != "florence2" or shown is None or not task.startswith(REGION):
        return ()
    (left, right), (top, bottom) = _ranges(shown)
    return (left, top, right, bottom)


def _draw_wdv3(_family: Family, _shown: Shown | None) -> None:
    st.toggle(
        "MCut",
        key=_key("mcut"),
        help="Finds its own threshold for each picture, at the widest gap between two scores.",
    )


def _read_wdv3() -> dict[str, Any]:
    return {"mcut": True} if _typed("mcut") else {}


def _draw_florence(family: Family, shown: Shown | None) -> None:
    names = _names_of_tasks(family)
    st.selectbox(
        "Task of this run", [SAVED_TASK, *TASKS], format_func=names.__getitem__, key=_key("task")
    )
    task = str(_typed("task") or "")
    if task.startswith(REGION):
        _draw_region(shown)
    elif task in TASKS_WITH_INPUT:
        st.text_input(
            "Text of the task",
            key=_key("input"),
            placeholder="a green hat",
            help=f"The question becomes: {TASKS[task].prompt.replace('{input}', '…')}",
        )
    st.slider("Beams", 1, 10, 3, key=_key("beams"), help="More are slower and often better.")


def _names_of_tasks(family: Family) -> dict[str, str]:
    (field,) = [one for one in fields_of(family.config) if one.name == "task"]
    known = {str(choice.value): choice.label for choice in field.choices}
    return {SAVED_TASK: "As in the settings", **known, **TASKS_WITH_INPUT}


def _draw_region(shown: Shown | None) -> None:
    """Draw the sides of the region; the picture above shows it as it moves."""
    if shown is None:
        st.caption("Choose an image; then the region is set here and drawn on it.")
        return
    for name, words, side in zip(
        ("across", "down"),
        ("Region, from left to right", "Region, from top to bottom"),
        (shown.width, shown.height),
        strict=True,
    ):
        middle = (side // 4, side - side // 4)
        st.slider(words, 0, side, middle, key=_key(f"{name}-{shown.id}"), format="%d px")


def _ranges(shown: Shown) -> tuple[tuple[int, int], tuple[int, int]]:
    """What the sliders say, or how they begin."""
    across, down = (_typed(f"{name}-{shown.id}") for name in ("across", "down"))
    width, height = shown.width, shown.height
    return (
        across or (width // 4, width - width // 4),
        down or (height // 4, height - height // 4),
    )


def _read_florence() -> dict[str, Any]:
    task = str(_typed("task") or "")
    params: dict[str, Any] = {"beams": _typed("beams") or 3}
    if task:
        params["task"] = task
    if task.startswith(REGION):
        params["region"] = _region_asked()
    elif task in TASKS_WITH_INPUT:
        params["input"] = str(_typed("input") or "").strip()
        if not params["input"]:
            raise Invalid("This task needs a text.", hint="Write it under “For this run only”.")
    return params


def _region_asked() -> list[float]:
    shown = try_picture.present()
    if shown is None:
        raise Invalid("A region needs an image.", hint="Choose an image first.")
    (left, right), (top, bottom) = _ranges(shown)
    if left == right or top == bottom:
        raise Invalid("The region is empty.", hint="Move the ends of its sliders apart.")
    return [float(left), float(top), float(right), float(bottom)]


def _draw_joycaption(_family: Family, _shown: Shown | None) -> None:
    sentences = extra_options()
    st.multiselect(
        "Extra options",
        list(sentences),
        format_func=lambda name: name.replace("_", " "),
        key=_key("extras"),
        help="Each adds the publisher's own sentence to the prompt.",
    )
    st.text_input("Name of the person", key=_key("name"), help="Used by the extra option `name`.")
    st.text_area("Own prompt", key=_key("prompt"), help="Replaces the prompt of the settings.")


def _read_joycaption() -> dict[str, Any]:
    found = {name: _typed(name) for name in ("extras", "name", "prompt")}
    return {name: value for name, value in found.items() if value}


def _draw_yolo(_family: Family, _shown: Shown | None) -> None:
    st.text_input(
        "Only these classes",
        key=_key("classes"),
        placeholder="all of them; or such as person, dog",
        help="Names or numbers of the model's own classes, with commas between.",
    )


def _read_yolo() -> dict[str, Any]:
    names = [one.strip() for one in str(_typed("classes") or "").split(",")]
    wanted = [name for name in names if name]
    return {"classes": wanted} if wanted else {}


def _listed(value: Any) -> str:
    """A region's numbers, names or a text; long ones are cut."""
    if isinstance(value, str):
        return value[:SAID_CHARACTERS]
    return ", ".join(f"{one:.0f}" if isinstance(one, float) else str(one) for one in value)


def _key(name: str) -> str:
    return f"try-param-{name}"


def _typed(name: str) -> Any:
    return st.session_state.get(_key(name))


_ASKED: Final = (
    ("input", "with the text"),
    ("region", "about the region"),
    ("classes", "Only the classes"),
    ("extras", "Extra options"),
    ("name", "Name"),
    ("prompt", "Own prompt"),
)
_PAINTERS: Mapping[str, Callable[[Family, Shown | None], None]] = {
    "wdv3": _draw_wdv3,
    "florence2": _draw_florence,
    "joycaption": _draw_joycaption,
    "yolo": _draw_yolo,
}
_READERS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "wdv3": _read_wdv3,
    "florence2": _read_florence,
    "joycaption": _read_joycaption,
    "yolo": _read_yolo,
}
