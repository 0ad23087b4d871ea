"""The Ollama tab while what answers there answers oddly, drawn without a browser."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.standins.ollama import Ollama, OllamaModel
from tests.test_services.odd_answers import ODD_ANSWERS, PATHS
from tests.test_services.ollama_kit import OllamaKit
from tests.test_ui import fakes
from tests.test_ui.conftest import OpenPage
from tests.test_ui.fakes import House
from yipyap_core.services import container

LONG = f"hf.co/someone-with-a-long-name/{'Very-Long-Name-' * 4}GGUF:Q4_K_M"


@pytest.fixture
def house(tmp_path: Path, ollama: Ollama) -> Iterator[House]:
    """A house whose Ollama is the stand-in."""
    ollama.install(OllamaModel("llama2:7b"))
    built = fakes.build(tmp_path / "state")
    kit = OllamaKit(tmp_path, ollama)
    container.install(dataclasses.replace(built.services, ollama=kit.service))
    yield built
    container.uninstall()


def texts(page: AppTest) -> str:
    drawn = (*page.subheader, *page.markdown, *page.caption, *page.error)
    return "\n".join(one.value for one in drawn)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("answer", ["500", "403", "404", "depth", "half a character"])
def test_the_tab_is_drawn_whatever_is_answered(
    open_page: OpenPage, ollama: Ollama, path: str, answer: str
) -> None:
    ollama.inject(ODD_ANSWERS[answer], path=path)

    page = open_page("ollama_models", "alice")

    assert not page.exception
    shown = texts(page)
    assert "Service Status" in shown
    assert "Pull New Model" in shown
    is_there = path == "/api/ps"
    assert (r"llama2\:7b" in shown) is is_there
    assert ("does not say at present what is in its memory" in shown) is is_there
    assert [one.value for one in page.code] == ([] if is_there else ["ollama serve"])


def test_a_long_name_leaves_the_field_for_questions_one_line(
    open_page: OpenPage, ollama: Ollama
) -> None:
    short = open_page("ollama_models", "alice").chat_input[0].placeholder
    ollama.install(OllamaModel(LONG))
    page = open_page("ollama_models", "alice")
    page.selectbox(key="chat-model").set_value(LONG).run()

    assert short == "Ask llama2:7b"
    assert page.chat_input[0].placeholder == f"Ask {LONG[:27]}…"
