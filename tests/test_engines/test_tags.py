"""Lists of tags as they are published, and from scores to tags."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standins.tiny_models import files_of
from yipyap_core.engines.families.wdv3 import answer
from yipyap_core.engines.tags import (
    KAOMOJI,
    TagList,
    above,
    mcut,
    read_selected_tags,
    read_tag_index,
    shown,
)
from yipyap_core.errors import CheckpointRejected


def write(folder: Path, text: str, name: str = "tags.json") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_both_forms_of_the_index_read_alike(tmp_path: Path) -> None:
    under = write(tmp_path, json.dumps({"blue_eyes": 0, "water_(element)": 1}), "a.json")
    space = write(tmp_path, json.dumps({"water (element)": 1, "blue eyes": 0}), "b.json")
    assert read_tag_index(under) == read_tag_index(space)
    assert read_tag_index(under).names == ("blue eyes", "water (element)")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"a": 1}', '{"a": 0, "b": 0}', '{"a": "0"}', '{"a": true}', '{"a": 0.0}']
)
def test_an_index_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CheckpointRejected, match=r"tags\.json"):
        read_tag_index(write(tmp_path, text))


def test_the_csv_gives_names_and_categories_in_order(tmp_path: Path) -> None:
    text = files_of("wdv3-vit")["selected_tags.csv"].decode()
    tags = read_selected_tags(write(tmp_path, text, "selected_tags.csv"))
    assert tags.names[:4] == ("general", "sensitive", "questionable", "explicit")
    assert tags.of("rating") == (0, 1, 2, 3)
    assert "hatsune miku" in tags.names
    assert "^_^" in tags.names


def test_a_csv_without_its_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointRejected):
        read_selected_tags(write(tmp_path, "a,b\n1,2\n", "selected_tags.csv"))


def test_faces_keep_their_underscore() -> None:
    assert len(KAOMOJI) == 19
    assert shown("||_||") == "||_||"
    assert shown("long_hair") == "long hair"


TAGS = TagList(("a", "b", "c", "d"), ("general", "general", "character", "rating"))


def test_a_score_equal_to_the_threshold_does_not_pass() -> None:
    scores = np.array([0.5, 0.75, 0.5, 0.1], np.float32)
    assert [tag.name for tag in above(scores, TAGS, None, 0.5)] == ["b"]


@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40),
    st.floats(0, 1),
    st.integers(0, 10),
)
def test_tags_come_best_first_and_over_the_threshold(
    scores: list[float], threshold: float, top: int
) -> None:
    tags = TagList(tuple(str(at) for at in range(len(scores))), ("general",) * len(scores))
    found = above(np.array(scores, np.float32), tags, None, threshold, top=top)
    passed = sorted((score for score in scores if score > threshold), reverse=True)
    assert [tag.score for tag in found] == passed[: top or None]


def test_mcut_cuts_in_the_largest_gap() -> None:
    assert mcut(np.array([0.1, 0.9, 0.2, 0.85], np.float32)) == pytest.approx((0.85 + 0.2) / 2)


def test_general_and_character_tags_have_their_own_thresholds() -> None:
    scores = np.array([0.5, 0.9, 0.6, 0.3], np.float32)
    found = answer(scores, TAGS, {"gen_threshold": 0.4, "char_threshold": 0.7}, {})
    assert found.caption == "b, a"
    assert found.details["ratings"] == {"d": pytest.approx(0.3)}
    with_characters = answer(scores, TAGS, {"gen_threshold": 0.4, "char_threshold": 0.5}, {})
    assert with_characters.caption == "b, a, c"


def test_mcut_has_a_floor_for_characters() -> None:
    tags = TagList(("a", "b", "c"), ("character",) * 3)
    scores = np.array([0.12, 0.02, 0.01], np.float32)
    found = answer(scores, tags, {"gen_threshold": 0.5, "char_threshold": 0.5}, {"mcut": True})
    assert found.tags == ()
