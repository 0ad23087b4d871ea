"""Prompts of all fifteen tasks, and answers read back into regions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipyap_core.engines.florence_layout import extra_tokens, native_name
from yipyap_core.engines.florence_text import (
    TASKS,
    boxes_of,
    plain_text,
    prompt_of,
    region_text,
)
from yipyap_core.errors import Invalid
from yipyap_core.families.fields import fields_of
from yipyap_core.families.florence2 import Florence2Config

SIZE = (640, 480)


def test_there_are_fifteen_tasks_and_seven_need_input() -> None:
    assert len(TASKS) == 15
    assert sum(task.needs_input for task in TASKS.values()) == 7


def test_every_task_of_the_settings_is_known_and_needs_no_input() -> None:
    (field,) = [one for one in fields_of(Florence2Config) if one.name == "task"]
    for choice in field.choices:
        assert not TASKS[choice.value].needs_input


@pytest.mark.parametrize("task", list(TASKS))
def test_prompts_say_what_the_model_was_trained_on(task: str) -> None:
    added = "a cat" if TASKS[task].needs_input else ""
    assert "{" not in prompt_of(task, added)
    assert added in prompt_of(task, added)


def test_missing_and_needless_input_is_refused() -> None:
    with pytest.raises(Invalid, match="needs a text or a region"):
        prompt_of("<OPEN_VOCABULARY_DETECTION>")
    with pytest.raises(Invalid, match="takes no input"):
        prompt_of("<OD>", "cat")
    with pytest.raises(Invalid, match="no task"):
        prompt_of("describe")


def test_a_task_of_a_fine_tune_is_its_own_prompt() -> None:
    assert prompt_of("<GENERATE_TAGS>") == "<GENERATE_TAGS>"


def test_input_with_braces_stays_as_it_is() -> None:
    assert prompt_of("<OPEN_VOCABULARY_DETECTION>", "{x}") == "Locate {x} in the image."


def test_boxes_stand_for_the_middles_of_their_bins() -> None:
    (box,) = boxes_of("<OD>", "</s><s>cat<loc_0><loc_500><loc_999><loc_999></s>", SIZE)
    assert (box.label, box.xyxy) == ("cat", (0.0, 240.0, 639.0, 479.0))


def test_one_label_may_have_several_boxes() -> None:
    text = (
        "cat<loc_1><loc_2><loc_3><loc_4><loc_5><loc_6><loc_7><loc_8>dog<loc_0><loc_0><loc_9><loc_9>"
    )
    assert [box.label for box in boxes_of("<OD>", text, SIZE)] == ["cat", "cat", "dog"]


def test_proposals_have_no_label() -> None:
    text = "<loc_1><loc_2><loc_3><loc_4><loc_5><loc_6><loc_7><loc_8>"
    assert len(boxes_of("<REGION_PROPOSAL>", text, SIZE)) == 2


def test_text_with_regions_has_four_corners() -> None:
    places = "".join(f"<loc_{at}>" for at in (10, 10, 90, 12, 88, 50, 12, 48))
    (box,) = boxes_of("<OCR_WITH_REGION>", f"STOP{places}", (1000, 1000))
    assert box.label == "STOP"
    assert len(box.points) == 4
    assert box.xyxy == (10.0, 10.0, 90.0, 50.0)


def test_polygons() -> None:
    places = "".join(f"<loc_{at}>" for at in (0, 0, 100, 0, 100, 100))
    (box,) = boxes_of("<REFERRING_EXPRESSION_SEGMENTATION>", places, (1000, 1000))
    assert box.points == ((0.0, 0.0), (100.0, 0.0), (100.0, 100.0))


def test_open_vocabulary_gives_boxes_or_polygons() -> None:
    boxes = boxes_of("<OPEN_VOCABULARY_DETECTION>", "cat<loc_1><loc_2><loc_3><loc_4>", SIZE)
    assert boxes[0].points == ()
    text = "cat<poly><loc_1><loc_2><loc_30><loc_4><loc_5><loc_60></poly>"
    assert len(boxes_of("<OPEN_VOCABULARY_DETECTION>", text, SIZE)[0].points) == 3


def test_captions_are_plain_text() -> None:
    assert plain_text("</s><s>A red chair.</s><pad>") == "A red chair."
    assert boxes_of("<CAPTION>", "A<loc_1><loc_2><loc_3><loc_4>", SIZE) == ()


@given(st.text("ab<>loc_0123456789/sep poly", max_size=80), st.sampled_from(sorted(TASKS)))
def test_no_answer_is_too_odd_to_read(answer: str, task: str) -> None:
    for box in boxes_of(task, answer, SIZE):
        assert all(isinstance(value, float) for value in box.xyxy)


@given(st.tuples(*[st.floats(0, 1)] * 4))
def test_a_region_comes_back_within_a_bin(parts: tuple[float, float, float, float]) -> None:
    region = [parts[0] * 639, parts[1] * 479, parts[2] * 639, parts[3] * 479]
    (box,) = boxes_of("<REGION_PROPOSAL>", region_text(region, SIZE), SIZE)
    expected = (*sorted([region[0], region[2]]), *sorted([region[1], region[3]]))
    found = (box.xyxy[0], box.xyxy[2], box.xyxy[1], box.xyxy[3])
    assert max(abs(a - b) for a, b in zip(expected, found, strict=True)) <= 1.5


def test_microsofts_processor_adds_1024_tokens() -> None:
    tokens = extra_tokens()
    assert len(tokens) == len(set(tokens)) == 1024
    assert (tokens[0], tokens[4], tokens[-1]) == ("<od>", "<loc_0>", "<and>")


def test_names_of_the_native_layout_are_not_mapped_twice() -> None:
    old = "vision_tower.blocks.0.1.spatial_block.window_attn.fn.qkv.weight"
    new = "model.vision_tower.blocks.0.1.spatial_block.window_attn.qkv.weight"
    assert native_name(old) == new
