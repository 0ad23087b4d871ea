"""Texts that name models to pull."""

from __future__ import annotations

import pytest

from yipyap_core.errors import (
    InvalidName,
)
from yipyap_core.services.ollama.pulls import parse_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a b", ["a", "b"]),
        ("a,b;a", ["a", "b"]),
        ("ollama pull a\nollama pull b:1", ["a", "b:1"]),
        ("OLLAMA RUN --verbose a, b", ["a", "b"]),
    ],
)
def test_texts_are_split_into_names(text: str, names: list[str]) -> None:
    assert parse_names(text) == names


@pytest.mark.parametrize("text", ["", " , ", "ollama run", "OLLAMA RUN", "a ../b"])
def test_texts_without_names_are_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_names(text)
