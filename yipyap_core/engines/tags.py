"""Lists of tags that taggers publish, and how scores become tags. Pure, NumPy only."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yipyap_core.domain.engines import Tag
from yipyap_core.errors import CheckpointRejected

if TYPE_CHECKING:
    import numpy as np

    Scores = np.ndarray[Any, np.dtype[np.float32]]

CATEGORIES = {"0": "general", "4": "character", "9": "rating"}
FACES = """
0_0 (o)_(o) +_+ +_- ._. <o>_<o> <|>_<|> =_= >_< 3_3 6_9 >_o @_@ ^_^ o_o u_u x_x |_| ||_||
"""
KAOMOJI = frozenset(FACES.split())
"""Faces that keep their underscore."""
CHARACTER_FLOOR = 0.15
"""Below it MCut would take noise for characters."""


@dataclass(frozen=True, slots=True)
class TagList:
    """Names and categories in the order of a model's outputs."""

    names: tuple[str, ...]
    categories: tuple[str, ...]

    def __len__(self) -> int:
        """Number of tags."""
        return len(self.names)

    def of(self, category: str) -> tuple[int, ...]:
        """Places of one category."""
        return tuple(at for at, name in enumerate(self.categories) if name == category)

    def tag(self, place: int, score: float) -> Tag:
        """One tag with its score."""
        return Tag(self.names[place], score, self.categories[place])


def read_tag_index(path: Path) -> TagList:
    """Read a JSON object of tag to place, with underscores or spaces; `CheckpointRejected`."""
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointRejected(f"{path.name} is no JSON of tag to index: {error}") from error
    if not isinstance(index, dict) or not all(type(at) is int for at in index.values()):
        raise CheckpointRejected(f"{path.name} is no JSON object of tag to index.")
    by_place = {at: name for name, at in index.items()}
    if sorted(by_place) != list(range(len(index))):
        raise CheckpointRejected(f"{path.name} does not number its tags from 0 without a gap.")
    names = tuple(by_place[at].replace("_", " ") for at in range(len(by_place)))
    return TagList(names, ("general",) * len(names))


def read_selected_tags(path: Path) -> TagList:
    """Read a WD tagger's CSV (`name`, `category`), rows in the order of the outputs."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        names = tuple(shown(row["name"]) for row in rows)
        kinds = tuple(CATEGORIES.get(row["category"], "general") for row in rows)
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise CheckpointRejected(f"{path.name} is no list of tags: {error!r}") from error
    return TagList(names, kinds)


def shown(name: str) -> str:
    """Underscores become spaces, but not in a face."""
    return name if name in KAOMOJI else name.replace("_", " ")


def above(
    scores: Scores, tags: TagList, places: Sequence[int] | None, threshold: float, *, top: int = 0
) -> tuple[Tag, ...]:
    """Tags whose score is strictly over the threshold, best first, at most `top` (0: all)."""
    import numpy as np

    chosen = np.arange(len(tags)) if places is None else np.asarray(places, dtype=np.int64)
    ordered = chosen[np.argsort(-scores[chosen], kind="stable")]
    if top:
        ordered = ordered[:top]
    scored = ((int(at), float(scores[at])) for at in ordered)
    return tuple(tags.tag(at, score) for at, score in scored if score > threshold)


def mcut(scores: Scores) -> float:
    """Threshold in the middle of the largest gap between neighbours (Largeron et al., 2012)."""
    import numpy as np

    ordered = np.sort(scores)[::-1]
    if len(ordered) < 2:
        return 0.0
    at = int(np.argmax(ordered[:-1] - ordered[1:]))
    return float((ordered[at] + ordered[at + 1]) / 2)
