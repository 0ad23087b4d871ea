"""The prompts that JoyCaption was trained on; other wordings work worse. Pure.

The texts are fpgaminer's (Apache-2.0), in `prompts/joycaption.json`, to the letter.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yipyap_core.errors import Invalid

FILE = Path(__file__).with_name("prompts") / "joycaption.json"
NO_NAME = "{NAME}"
"""What the publisher puts when a name is to be used and none was given."""


def system_prompt() -> str:
    """The model card's."""
    return str(_texts()["system"])


def extra_options() -> dict[str, str]:
    """Id -> optional sentence."""
    return dict(_texts()["extras"])


def prompt_for(caption_type: str, length: str, extras: Sequence[str] = (), name: str = "") -> str:
    """Choose the template by type and length, append the sentences; raises `Invalid`.

    `length` is `any`, a number of words, or a word such as `long`.
    """
    templates = _texts()["types"].get(caption_type)
    if templates is None:
        raise _refused("caption_type", f"There is no caption type {caption_type[:60]!r}.")
    form = "any" if length == "any" else "words" if length.isdecimal() else "length"
    sentences = [_sentence(one) for one in extras]
    whole = " ".join([templates[form], *sentences])
    return str(whole.format(length=length, word_count=length, name=name.strip() or NO_NAME))


def _sentence(option: str) -> str:
    known = _texts()["extras"].get(option)
    if known is None:
        raise _refused("extras", f"There is no extra option {option[:60]!r}.")
    return str(known)


def _refused(field: str, reason: str) -> Invalid:
    return Invalid(reason, fields={field: reason})


@functools.cache
def _texts() -> dict[str, Any]:
    texts: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return texts
