"""The Ollama tab as an administrator uses it: service, models, pulls, memory, a chat."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Locator, expect

from tests.browser import Server, Visit, Visitor, fresh_server, press, wait_until
from tests.standins.ollama import Answer, Ollama, OllamaModel, PullError
from yipyap_core.domain.users import Role

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

QWEN = OllamaModel("qwen3:8b", 5_200_000_000, family="qwen3")
LLAMA = OllamaModel("llama2:7b", 3_800_000_000)
PERCENT = re.compile(r"(\d+\.\d)\s%")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this module alone, before an Ollama that the tests change as they like."""
    with fresh_server(tmp_path_factory.mktemp("server")) as server:
        server.ollama.install(QWEN, LLAMA)
        server.add("alice", Role.ADMIN)
        server.start()
        yield server


@pytest.fixture
def ollama(house: Server) -> Iterator[Ollama]:
    """The stand-in, calm again afterwards."""
    yield house.ollama
    house.ollama.clear_faults()
    house.ollama.configure(pull_bps=None)
    house.ollama.install(QWEN, LLAMA)


def open_page(visit: Visit, house: Server) -> Visitor:
    visitor = visit(house, "ollama-models", signed_in="alice")
    visitor.sees("Ollama Models")
    return visitor


def model(visitor: Visitor, name: str) -> Locator:
    return visitor.page.locator(f".st-key-ollama-{name.replace(':', '-')}")


def pull_rows(visitor: Visitor, name: str) -> Locator:
    return visitor.page.locator("[class*='st-key-pull-']").filter(has_text=name)


def pull(visitor: Visitor, text: str) -> None:
    visitor.page.get_by_role("textbox", name="Model name").fill(text)
    press(visitor.page.get_by_role("button", name="Pull Model"))


def percent(place: Locator) -> float:
    found = PERCENT.search(place.first.inner_text())
    return float(found[1]) if found else -1.0


def test_shows_service_assistant_and_models(house: Server, visit: Visit, ollama: Ollama) -> None:
    visitor = open_page(visit, house)

    service = visitor.page.locator(".st-key-ollama-service")
    expect(service).to_contain_text("Available")
    expect(service).to_contain_text(f"{ollama.base_url} · version 0.13.5")
    expect(visitor.page.locator(".st-key-ollama-assistant")).to_contain_text("Ready")
    expect(model(visitor, "llama2:7b")).to_contain_text(LLAMA.digest[:12])
    expect(model(visitor, "llama2:7b")).to_contain_text("3.80")
    expect(model(visitor, "llama2:7b")).to_contain_text("modified")


def test_an_absent_service_says_how_to_start_it_and_recovers_by_itself(
    house: Server, visit: Visit, ollama: Ollama
) -> None:
    visitor = open_page(visit, house)
    expect(model(visitor, "llama2:7b")).to_be_visible()
    ollama.stop()
    expect(visitor.page.get_by_text("Ollama service not available")).to_be_visible()
    expect(visitor.page.get_by_text("ollama serve", exact=True)).to_be_visible()
    ollama.start()
    expect(model(visitor, "llama2:7b")).to_be_visible()
    assert "Traceback" not in visitor.page.locator("body").inner_text()


def test_a_failing_list_of_models_is_said_and_the_page_recovers_by_itself(
    house: Server, visit: Visit, ollama: Ollama
) -> None:
    ollama.inject(Answer(500), path="/api/tags")
    visitor = open_page(visit, house)
    expect(visitor.page.get_by_text("stand-in fault")).to_be_visible()
    expect(visitor.page.get_by_role("heading", name="Pull New Model")).to_be_visible()
    ollama.clear_faults()
    expect(model(visitor, "llama2:7b")).to_be_visible()
    ollama.inject(Answer(404, "404 page not found", "text/plain"), path="/api/ps")
    expect(visitor.page.get_by_text("does not say at present what is in")).to_be_visible()
    expect(model(visitor, "llama2:7b")).to_be_visible()
    ollama.clear_faults()
    expect(visitor.page.get_by_text("Nothing is in memory")).to_be_visible()


def test_a_pull_is_watched_to_its_end_and_survives_the_browser(
    house: Server, visit: Visit, ollama: Ollama
) -> None:
    ollama.publish(OllamaModel("gemma3:4b", 40_000_000, weight_layers=2))
    ollama.configure(pull_bps=500_000)  # until the test lets it end
    visitor = open_page(visit, house)
    pull(visitor, "ollama run gemma3:4b")
    row = pull_rows(visitor, "gemma3:4b")
    wait_until(lambda: percent(row) > 0, "bytes have arrived")
    expect(row).to_contain_text("/s")
    expect(row).to_contain_text("left")
    visitor.context.close()

    downloads = visit(house, "downloads", signed_in="alice")
    expect(pull_rows(downloads, "gemma3:4b")).to_contain_text("/s")
    again = open_page(visit, house)
    row = pull_rows(again, "gemma3:4b")
    first = percent(row)
    wait_until(lambda: percent(row) > first, "it went on")
    ollama.configure(pull_bps=None)
    expect(row).to_contain_text("Completed")
    expect(model(again, "gemma3:4b")).to_be_visible()


def test_a_pull_waits_for_a_service_that_is_away(
    house: Server, visit: Visit, ollama: Ollama
) -> None:
    ollama.publish(OllamaModel("phi:3b", 40_000_000), OllamaModel("phi:7b", 40_000_000))
    ollama.configure(pull_bps=500_000)
    visitor = open_page(visit, house)
    pull(visitor, "phi:3b, phi:7b")
    row, other = pull_rows(visitor, "phi:3b"), pull_rows(visitor, "phi:7b")
    wait_until(lambda: percent(row) > 0 and percent(other) > 0, "bytes have arrived")
    ollama.stop()
    expect(row).to_contain_text("Waiting for Ollama")
    expect(row).to_contain_text("goes on by itself when it answers again")
    press(other.get_by_role("button", name="Cancel"))
    expect(other).to_contain_text("Cancelled")
    ollama.configure(pull_bps=None)
    ollama.start()
    expect(row).to_contain_text("Completed")
    expect(model(visitor, "phi:3b")).to_be_visible()
    expect(other).to_contain_text("Cancelled")


def test_a_pull_can_be_cancelled_and_retried(house: Server, visit: Visit, ollama: Ollama) -> None:
    ollama.publish(OllamaModel("mistral:7b", 40_000_000))
    ollama.configure(pull_bps=1_000_000)
    visitor = open_page(visit, house)
    pull(visitor, "mistral:7b")
    row = pull_rows(visitor, "mistral:7b")
    press(row.get_by_role("button", name="Cancel"))
    expect(row).to_contain_text("Cancelled")
    ollama.configure(pull_bps=None)
    press(row.get_by_role("button", name="Retry"))
    expect(row).to_contain_text("Completed")


def test_a_failure_keeps_ollamas_words_and_adds_a_hint(
    house: Server, visit: Visit, ollama: Ollama
) -> None:
    visitor = open_page(visit, house)
    pull(visitor, "nothing:1b")
    row = pull_rows(visitor, "nothing:1b")
    expect(row).to_contain_text("pull model manifest: file does not exist")
    expect(row).to_contain_text("ollama.com/library")

    ollama.publish(OllamaModel("big:70b"))
    ollama.inject(PullError("write /models/blobs/x: no space left on device"))
    pull(visitor, "big:70b")
    expect(pull_rows(visitor, "big:70b")).to_contain_text("delete models there")


def test_an_invalid_name_is_said_beside_the_field(house: Server, visit: Visit) -> None:
    visitor = open_page(visit, house)
    pull(visitor, "../etc/passwd")

    expect(visitor.page.get_by_text("is not the name of an Ollama model")).to_be_visible()


def test_what_is_being_typed_stays_while_rows_come_and_go(
    house: Server, visit: Visit, ollama: Ollama
) -> None:
    visitor = open_page(visit, house)
    expect(model(visitor, "llama2:7b")).to_be_visible()
    name = visitor.page.get_by_role("textbox", name="Model name")
    name.fill("half a na")

    requests.delete(f"{ollama.base_url}/api/delete", json={"model": "llama2:7b"}, timeout=10)

    expect(model(visitor, "llama2:7b")).to_have_count(0)
    expect(name).to_have_value("half a na")


def test_outdated_models_are_found_and_updated(house: Server, visit: Visit, ollama: Ollama) -> None:
    ollama.publish(dataclasses.replace(LLAMA, edition=2, size_bytes=4_000_000))
    visitor = open_page(visit, house)
    press(visitor.page.get_by_role("button", name="Check for updates"))
    expect(model(visitor, "qwen3:8b")).to_contain_text("Current")
    expect(model(visitor, "llama2:7b")).to_contain_text("Outdated")
    visitor.page.reload()  # a session of its own: the mark is the server's
    expect(model(visitor, "llama2:7b")).to_contain_text("Outdated")
    press(visitor.page.get_by_role("button", name="Update 1 model"))
    expect(pull_rows(visitor, "llama2:7b")).to_contain_text("Completed")
    assert ollama.installed["llama2:7b"].edition == 2


def test_the_assistants_model_can_be_chosen(house: Server, visit: Visit, ollama: Ollama) -> None:
    assert ollama.installed
    visitor = open_page(visit, house)
    card = visitor.page.locator(".st-key-ollama-assistant")
    press(card.get_by_role("combobox"))
    press(visitor.page.get_by_role("option", name="llama2:7b"))
    expect(card).to_contain_text("llama2:7b: installed")
    expect(card.get_by_role("combobox")).to_have_count(1)
    press(card.get_by_role("combobox"))
    press(visitor.page.get_by_role("option", name="qwen3:8b"))
    expect(card).to_contain_text("qwen3:8b: installed")


def test_shows_and_deletes_a_model_after_a_question(
    house: Server, visit: Visit, ollama: Ollama
) -> None:
    ollama.install(OllamaModel("tiny:1b"))
    visitor = open_page(visit, house)
    press(model(visitor, "tiny:1b").get_by_role("button", name="Show"))
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("40,960 tokens")
    visitor.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    press(model(visitor, "tiny:1b").get_by_role("button", name="Delete"))
    expect(dialog).to_contain_text("It has no trash")
    press(dialog.get_by_role("button", name="Delete model"))
    expect(model(visitor, "tiny:1b")).to_have_count(0)
    assert "tiny:1b" not in ollama.installed


def test_a_model_answers_and_gives_its_memory_back(
    house: Server, visit: Visit, ollama: Ollama
) -> None:
    visitor = open_page(visit, house)
    box = visitor.page.get_by_test_id("stChatInputTextArea")
    box.fill("Good day ![x](http://elsewhere.invalid/x.png)")
    box.press("Enter")
    expect(visitor.page.locator(".st-key-ollama-chat")).to_contain_text("You said: Good day")
    expect(visitor.page.locator(".st-key-ollama-chat img")).to_have_count(0)
    unload = visitor.page.get_by_role("button", name="Unload now")
    press(unload)
    expect(visitor.page.get_by_text("Nothing is in memory")).to_be_visible()
    assert ollama.loaded == []


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_scrolls_sideways(house: Server, visit: Visit, width: int) -> None:
    visitor = visit(house, "ollama-models", signed_in="alice", width=width)
    expect(model(visitor, "llama2:7b")).to_be_visible()

    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert visitor.page.evaluate(overflow) <= 0
