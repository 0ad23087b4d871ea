"""Trying a model on a picture in Chromium: a real server, real workers, tiny checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import Server, Visit, press
from tests.test_browser.try_kit import (
    LOADING_MILLISECONDS,
    answer,
    choose,
    download,
    give,
    open_panel,
    open_run_only,
    press_run,
    type_into,
    workers_crash,
    workers_paused,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.timeout(300),  # checkpoints and workers import their runtimes, on shared cores
]

EVERYTHING = "0.01"
"""A threshold that random weights pass."""
PRESSES = 12
"""A press while a run is ending does nothing, so three may not be enough."""


@pytest.fixture
def server(runnable_server: Server) -> Server:
    return runnable_server


def test_tags_with_saved_and_edited_thresholds(server: Server, visit: Visit, picture: Path) -> None:
    alice = open_panel(visit, server, "WDv3")
    download(alice, "wdv3-vit")
    give(alice.page, picture)
    type_into(alice.page, "General Threshold", "0.01")
    press_run(alice.page, "Run saved and edited", "saved", "draft")
    results = alice.page.locator(".st-key-tried-wdv3")
    expect(results).to_contain_text("General Threshold 0.35 → 0.01")
    expect(results.get_by_test_id("stDataFrame")).to_have_count(2)
    expect(results.get_by_test_id("stCode")).to_have_count(2)
    expect(answer(alice.page, "draft")).to_contain_text("only here")
    expect(answer(alice.page, "saved")).to_contain_text("only with your edits")
    saved, edited = (each.inner_text() for each in results.get_by_test_id("stCode").all())
    assert len(edited.split(", ")) > len(saved.split(", "))
    expect(results).to_contain_text("0 only here")
    expect(results).to_contain_text("CPUExecutionProvider")
    expect(alice.page.locator(".st-key-engine-wdv3-vit")).to_contain_text("Loaded")
    press(alice.page.get_by_role("button", name="Unload", exact=True))
    expect(alice.page.locator(".st-key-engine-wdv3-vit")).to_contain_text("Not loaded")


def test_a_check_on_the_overview_says_how_the_model_answered(server: Server, visit: Visit) -> None:
    alice = open_panel(visit, server, "WDv3")
    download(alice, "wdv3-vit")
    alice.go("model-management")
    row = alice.page.locator(".st-key-canary-row-wdv3-vit")
    press(row.get_by_role("button", name="Check now"))
    expect(row).to_contain_text("Check passed", timeout=LOADING_MILLISECONDS)
    press(row.get_by_role("button", name="Check now"))
    expect(row).to_contain_text("It answered as before.", timeout=LOADING_MILLISECONDS)
    expect(row).to_contain_text("peak")


def test_boxes_are_drawn_on_the_picture(server: Server, visit: Visit, picture: Path) -> None:
    alice = open_panel(visit, server, "YOLO")
    download(alice, "yolo-n")
    give(alice.page, picture)
    type_into(alice.page, "Confidence Threshold", EVERYTHING)
    press_run(alice.page, "Run saved and edited", "saved", "draft")
    results = alice.page.locator(".st-key-tried-yolo")
    expect(results.get_by_role("img", name="drawn on it").first).to_be_visible()


def test_leaving_during_a_run_and_coming_back_keeps_picture_and_answer(
    server: Server, visit: Visit, picture: Path
) -> None:
    alice = open_panel(visit, server, "WDv3")
    download(alice, "wdv3-vit")
    give(alice.page, picture)
    press(alice.page.get_by_role("button", name="Run", exact=True))
    press(alice.page.get_by_role("link", name="Downloads").first)
    alice.sees("Downloads")
    press(alice.page.get_by_role("link", name="Caption Models").first)
    press(alice.page.get_by_text("WDv3", exact=True).first)
    expect(alice.page.get_by_text("320 x 240 pixels")).to_be_visible()
    results = alice.page.locator(".st-key-tried-wdv3")
    expect(results.get_by_test_id("stDataFrame").first).to_be_visible(timeout=LOADING_MILLISECONDS)


@pytest.mark.parametrize("family", ["WDv3", "YOLO"])
def test_nothing_scrolls_sideways_on_a_telephone(
    server: Server, visit: Visit, picture: Path, family: str
) -> None:
    model_id = "wdv3-vit" if family == "WDv3" else "yolo-n"
    alice = open_panel(visit, server, family, width=390)
    download(alice, model_id)
    give(alice.page, picture)
    press_run(alice.page, "Run", "saved")
    widths = alice.page.evaluate(
        "() => { const e = document.querySelector('[data-testid=stMain]');"
        " return [e.scrollWidth, e.clientWidth]; }"
    )
    assert widths[0] <= widths[1]


def test_a_missing_model_is_downloaded_beside_the_side_that_lacks_it(
    server: Server, visit: Visit, picture: Path
) -> None:
    alice = open_panel(visit, server, "WDv3")
    download(alice, "wdv3-vit")
    give(alice.page, picture)
    choose(alice.page, "Model Architecture", "SwinV2")
    press_run(alice.page, "Run the saved settings", "saved")
    offer = alice.page.locator(".st-key-draft-missing-wdv3-swinv2")
    expect(offer).to_contain_text("WDv3 SwinV2 is not downloaded. Your edits choose it.")
    press(offer.get_by_role("button", name="Download", exact=True))
    press_run(alice.page, "Run saved and edited", "saved", "draft")
    expect(offer).to_have_count(0)
    results = alice.page.locator(".st-key-tried-wdv3")
    expect(results).to_contain_text("Model Architecture ViT → SwinV2")
    expect(alice.page.locator(".st-key-engine-wdv3-swinv2")).to_contain_text("Loaded")


def test_an_engine_that_failed_shows_its_last_words_and_is_tried_again(
    server: Server, visit: Visit, picture: Path
) -> None:
    alice = open_panel(visit, server, "WDv3")
    page = alice.page
    download(alice, "wdv3-vit")
    give(page, picture)
    press_run(page, "Run", "saved")
    choose(page, "Model Architecture", "ConvNeXT")
    offer = page.locator(".st-key-try-missing-wdv3-convnext")
    engine = page.locator(".st-key-engine-wdv3-convnext")
    with workers_crash(server):
        press(offer.get_by_role("button", name="Download", exact=True))
        for _ in range(PRESSES):
            press(page.get_by_role("button", name="Run saved and edited", exact=True))
            expect(answer(page, "draft")).to_contain_text("The worker")
            if engine.get_by_text("Failed", exact=True).count():
                break
    expect(engine).to_contain_text("Its worker ended 3 times in a row")
    expect(answer(page, "saved")).to_contain_text("on cpu")
    press(engine.get_by_text("Last words of its worker"))
    expect(engine).to_contain_text("the device has gone away")
    press(engine.get_by_role("button", name="Try again", exact=True))
    expect(engine).to_contain_text("Loaded", timeout=LOADING_MILLISECONDS)
    expect(engine.get_by_text("Last words")).to_have_count(0)


def test_text_grows_while_it_is_written_and_a_run_is_cancelled(
    server: Server, visit: Visit, picture: Path
) -> None:
    alice = open_panel(visit, server, "JoyCaption")
    download(alice, "joycaption")
    give(alice.page, picture)
    press(alice.page.get_by_role("button", name="Run", exact=True))
    writing = alice.page.locator(".st-key-writing-saved")
    expect(writing).to_be_visible(timeout=LOADING_MILLISECONDS)
    with workers_paused(server):
        first = writing.inner_text()
    expect(writing).not_to_have_text(first)
    with workers_paused(server):
        assert len(writing.inner_text()) > len(first)
        press(alice.page.get_by_role("button", name="Cancel", exact=True))
        expect(answer(alice.page, "saved")).to_contain_text("The request was cancelled.")
    expect(alice.page.get_by_role("button", name="Run", exact=True)).to_be_visible()


def test_florence_is_asked_about_a_region_and_with_a_text(
    server: Server, visit: Visit, picture: Path
) -> None:
    alice = open_panel(visit, server, "Florence2")
    page = alice.page
    download(alice, "florence2-large")
    give(page, picture)
    open_run_only(page)
    choose(page, "Task of this run", "What a region is")
    chosen = page.get_by_role("img", name="with the region drawn on it")
    before = chosen.get_attribute("src")
    page.get_by_role("slider", name="Region, from left to right").first.press("ArrowRight")
    expect(chosen).not_to_have_attribute("src", before or "")
    press_run(page, "Run", "saved")
    expect(answer(page, "saved").get_by_role("img", name="1 region drawn")).to_be_visible()
    expect(page.locator(".st-key-tried-florence2")).to_contain_text("about the region")
    choose(page, "Task of this run", "Objects that a text names")
    press(page.get_by_role("button", name="Run", exact=True))
    expect(page.get_by_text("This task needs a text.")).to_be_visible()
    page.get_by_role("textbox", name="Text of the task").fill("a green hat")
    page.get_by_role("textbox", name="Text of the task").press("Enter")
    press(page.get_by_role("button", name="Run", exact=True))
    results = page.locator(".st-key-tried-florence2")
    expect(results).to_contain_text("with the text a green hat")
    expect(answer(page, "saved")).to_contain_text("on cpu", timeout=LOADING_MILLISECONDS)
