"""The page about the families never says anything else than the families do."""

from __future__ import annotations

from pathlib import Path

import yipyap_core
from yipyap_core.families import find_configs
from yipyap_core.families.docs import render
from yipyap_core.families.fields import fields_of

PAGE = Path(yipyap_core.__file__).parents[1] / "docs" / "families.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(find_configs()), (
        "run: python -m yipyap_core.families"
    )


def test_the_page_names_every_field_and_variable() -> None:
    text = render(find_configs())
    for declared in find_configs():
        for field in fields_of(declared.config):
            assert f"| {field.label} | `{field.name}` |" in text
            assert f"`YIPYAP_{declared.id.upper()}__{field.name.upper()}`" in text
