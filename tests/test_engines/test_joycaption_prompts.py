"""JoyCaption's prompts: every choice of the settings has one, and the words are the publisher's."""

from __future__ import annotations

import pytest

from yipyap_core.engines.families.joycaption import sampling
from yipyap_core.engines.joycaption_prompts import extra_options, prompt_for, system_prompt
from yipyap_core.errors import Invalid
from yipyap_core.families.fields import fields_of
from yipyap_core.families.joycaption import JoyCaptionConfig

CHOICES = {
    field.name: [choice.value for choice in field.choices] for field in fields_of(JoyCaptionConfig)
}


def test_every_type_and_length_has_a_prompt() -> None:
    for kind in CHOICES["caption_type"]:
        for length in CHOICES["caption_length"]:
            assert "{" not in prompt_for(kind, length)


@pytest.mark.parametrize(
    ("length", "prompt"),
    [
        ("any", "Write a detailed description for this image."),
        ("long", "Write a long detailed description for this image."),
        ("40", "Write a detailed description for this image in 40 words or less."),
    ],
)
def test_the_length_chooses_the_form(length: str, prompt: str) -> None:
    assert prompt_for("Descriptive", length) == prompt


def test_extra_sentences_follow_and_take_the_name() -> None:
    prompt = prompt_for("MidJourney", "any", ["lighting", "name"], "Mia {x}")
    assert prompt == (
        "Write a MidJourney prompt for this image. Include information about lighting."
        " If there is a person/character in the image you must refer to them as Mia {x}."
    )


def test_there_are_27_extra_sentences_and_no_others() -> None:
    assert len(extra_options()) == 27
    assert extra_options()["profanity"].startswith("Use vulgar slang and profanity, such as (but")
    with pytest.raises(Invalid):
        prompt_for("Descriptive", "any", ["be rude"])
    with pytest.raises(Invalid):
        prompt_for("Emotional", "any")


def test_zero_temperature_is_greedy() -> None:
    assert sampling(0.0, 0.9)["do_sample"] is False
    assert sampling(0.6, 0.9) == {
        "do_sample": True,
        "temperature": 0.6,
        "top_p": 0.9,
        "top_k": None,
    }


def test_the_system_prompt_is_the_model_cards() -> None:
    assert system_prompt() == "You are a helpful image captioner."
