"""What Florence-2 is asked and what it answers, as text: prompts, places, boxes, polygons. Pure.

Places are written `<loc_0>` to `<loc_999>` in a thousand bins of each side; read back, they stand
for the middle of the bin in pixels of the picture as it was sent. (Microsoft's processing code)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from yipyap_core.domain.engines import Box
from yipyap_core.errors import Invalid

BINS = 1000
LABELLED = re.compile(r"([^<]*)((?:<loc_\d+>|<sep>|<poly>|</poly>)+)")
PLACE = re.compile(r"<loc_(\d+)>")
FRAME_TOKENS = re.compile(r"</?s>|<pad>")
Size = tuple[int, int]


class Reading(Enum):
    """How an answer is read."""

    TEXT = "text"
    BOXES = "boxes"
    UNNAMED_BOXES = "unnamed boxes"
    QUADRILATERALS = "quadrilaterals"
    POLYGONS = "polygons"
    EITHER = "boxes or polygons"


@dataclass(frozen=True, slots=True)
class Task:
    """A question in Florence's own words; `{input}` stands for what the request adds."""

    prompt: str
    reading: Reading

    @property
    def needs_input(self) -> bool:
        """Whether a request must add text or a region."""
        return "{input}" in self.prompt


TASKS: dict[str, Task] = {
    "<CAPTION>": Task("What does the image describe?", Reading.TEXT),
    "<DETAILED_CAPTION>": Task("Describe in detail what is shown in the image.", Reading.TEXT),
    "<MORE_DETAILED_CAPTION>": Task(
        "Describe with a paragraph what is shown in the image.", Reading.TEXT
    ),
    "<OCR>": Task("What is the text in the image?", Reading.TEXT),
    "<OCR_WITH_REGION>": Task(
        "What is the text in the image, with regions?", Reading.QUADRILATERALS
    ),
    "<OD>": Task("Locate the objects with category name in the image.", Reading.BOXES),
    "<DENSE_REGION_CAPTION>": Task(
        "Locate the objects in the image, with their descriptions.", Reading.BOXES
    ),
    "<REGION_PROPOSAL>": Task("Locate the region proposals in the image.", Reading.UNNAMED_BOXES),
    "<CAPTION_TO_PHRASE_GROUNDING>": Task(
        "Locate the phrases in the caption: {input}", Reading.BOXES
    ),
    "<REFERRING_EXPRESSION_SEGMENTATION>": Task(
        "Locate {input} in the image with mask", Reading.POLYGONS
    ),
    "<REGION_TO_SEGMENTATION>": Task(
        "What is the polygon mask of region {input}", Reading.POLYGONS
    ),
    "<OPEN_VOCABULARY_DETECTION>": Task("Locate {input} in the image.", Reading.EITHER),
    "<REGION_TO_CATEGORY>": Task("What is the region {input}?", Reading.TEXT),
    "<REGION_TO_DESCRIPTION>": Task("What does the region {input} describe?", Reading.TEXT),
    "<REGION_TO_OCR>": Task("What text is in the region {input}?", Reading.TEXT),
}


def prompt_of(task: str, added: str = "") -> str:
    """The whole question; raises `Invalid` when input is missing, unknown or too much.

    A task that is none of Florence's own, such as `<GENERATE_TAGS>` of a fine-tune, is the prompt
    itself.
    """
    known = TASKS.get(task)
    if known is None:
        if re.fullmatch(r"<[A-Z_]{3,40}>", task):
            return task
        raise _refused("task", f"There is no task {task[:60]!r}.")
    if known.needs_input and not added.strip():
        raise _refused("input", f"The task {task} needs a text or a region as its input.")
    if not known.needs_input and added.strip():
        raise _refused("input", f"The task {task} takes no input.")
    return known.prompt.replace("{input}", added.strip())


def region_text(box: Sequence[float], size: Size) -> str:
    """A box in pixels as the four places of a prompt."""
    if len(box) != 4:
        raise _refused("region", "A region is four numbers: left, top, right, bottom.")
    sides = (size[0], size[1], size[0], size[1])
    bins = [int(value * BINS / side) for value, side in zip(box, sides, strict=True)]
    return "".join(f"<loc_{min(BINS - 1, max(0, at))}>" for at in bins)


def plain_text(answer: str) -> str:
    """The answer without the tokens that frame it."""
    return FRAME_TOKENS.sub("", answer).strip()


def boxes_of(task: str, answer: str, size: Size) -> tuple[Box, ...]:
    """Regions of an answer in pixels of a picture of (width, height); empty for text tasks."""
    text, reading = plain_text(answer), TASKS[task].reading if task in TASKS else Reading.TEXT
    if reading is Reading.EITHER:
        reading = Reading.POLYGONS if "<poly>" in text else Reading.BOXES
    if reading is Reading.TEXT:
        return ()
    if reading is Reading.POLYGONS:
        return tuple(_polygons(text, size))
    return tuple(_corners(text, size, reading))


def _corners(text: str, size: Size, reading: Reading) -> Iterator[Box]:
    each = 8 if reading is Reading.QUADRILATERALS else 4
    for label, run in LABELLED.findall(text):
        label = label.strip()
        if not label and reading is not Reading.UNNAMED_BOXES:
            continue
        bins = [int(at) for at in PLACE.findall(run)]
        for start in range(0, len(bins) - each + 1, each):
            points = _points(bins[start : start + each], size)
            yield _box(label, points, keep_points=each == 8)


def _polygons(text: str, size: Size) -> Iterator[Box]:
    for label, run in LABELLED.findall(text):
        for part in re.split(r"<sep>|</?poly>", run):
            points = _points([int(at) for at in PLACE.findall(part)], size)
            if len(points) >= 3:
                yield _box(label.strip(), points, keep_points=True)


def _points(bins: Sequence[int], size: Size) -> tuple[tuple[float, float], ...]:
    """Middles of the bins, cut to whole pixels as the publisher does; an odd last one is lost."""
    pairs = zip(bins[0::2], bins[1::2], strict=False)
    return tuple((_middle(x, size[0]), _middle(y, size[1])) for x, y in pairs)


def _middle(at: int, side: int) -> float:
    return float(int((at + 0.5) * side / BINS))


def _box(label: str, points: tuple[tuple[float, float], ...], *, keep_points: bool) -> Box:
    across, down = [x for x, _ in points], [y for _, y in points]
    upright = (min(across), min(down), max(across), max(down))
    return Box(label, upright, None, points if keep_points else ())


def _refused(field: str, reason: str) -> Invalid:
    return Invalid(reason, fields={field: reason})
