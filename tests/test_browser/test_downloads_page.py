"""Downloads as an administrator watches them: to the end, paused, cancelled, failed, retried."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser import Server, Visit, Visitor, press, wait_until
from tests.standins.hub import Pattern

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PERCENT = re.compile(r"(\d+\.\d)\s%")


YOLO = "Ultralytics/YOLO11"
SLOW_BPS = 300_000
LARGE_BYTES = 25_000_000
"""At the slow pace nothing of this size ends before the test lets it."""


@pytest.fixture(autouse=True)
def _calm_hub(server: Server) -> None:
    server.hub.clear_faults()
    server.hub.configure(server_bps=None)


def _enlarge(server: Server, repo_id: str, file: str = "model.onnx") -> None:
    """Make a repository's large file so large that it takes its time, and slow the hub."""
    server.hub.commit(repo_id, {file: Pattern(LARGE_BYTES)})
    server.hub.configure(server_bps=SLOW_BPS)


def test_a_download_is_watched_to_its_end(server: Server, visit: Visit) -> None:
    _enlarge(server, "SmilingWolf/wd-vit-tagger-v3")
    visitor = visit(server, "downloads", signed_in="alice")
    press(visitor.button("wdv3-vit", "Download"))
    bar = visitor.row("wdv3-vit").get_by_role("progressbar")
    expect(bar).to_be_visible()
    expect(visitor.row("wdv3-vit")).to_contain_text("Downloading")
    first = _percent(visitor.row("wdv3-vit"))
    wait_until(lambda: _percent(visitor.row("wdv3-vit")) > first, "the bar moves")
    expect(visitor.row("wdv3-vit")).to_contain_text("/s")
    expect(visitor.row("wdv3-vit")).to_contain_text("left")
    expect(visitor.page.get_by_role("link", name="1 download")).to_be_visible()
    server.hub.configure(server_bps=None)
    expect(visitor.row("wdv3-vit")).to_contain_text("Completed")
    expect(bar).to_have_count(0)
    expect(visitor.page.get_by_role("link", name="Nothing is running")).to_be_visible()
    press(visitor.button("wdv3-vit", "Details"))
    expect(visitor.row("wdv3-vit")).to_contain_text("Hashes checked yes")
    visitor.page.reload()
    expect(visitor.row("wdv3-vit")).to_contain_text("Completed")


def test_cancelling_asks_first_and_says_what_is_kept(server: Server, visit: Visit) -> None:
    _enlarge(server, "SmilingWolf/wd-swinv2-tagger-v3")
    visitor = visit(server, "downloads", signed_in="alice")
    press(visitor.button("wdv3-swinv2", "Download"))
    wait_until(lambda: _percent(visitor.row("wdv3-swinv2")) > 0, "bytes have arrived")
    press(visitor.button("wdv3-swinv2", "Cancel"))
    question = visitor.page.get_by_role("dialog")
    expect(question).to_contain_text(
        re.compile(r"of 2 files, .* kept; the current file goes on at")
    )
    first = question.inner_text()
    wait_until(lambda: question.inner_text() != first, "what is said to be kept grows")
    press(question.get_by_role("button", name="Go on downloading"))
    expect(question).to_have_count(0)
    expect(visitor.row("wdv3-swinv2")).to_contain_text("Downloading")
    press(visitor.button("wdv3-swinv2", "Cancel"))
    press(visitor.page.get_by_role("button", name="Cancel, keep files"))
    expect(visitor.row("wdv3-swinv2")).to_contain_text("Cancelled")
    expect(visitor.button("wdv3-swinv2", "Download")).to_be_visible()


def test_a_paused_download_goes_on_from_where_it_was(server: Server, visit: Visit) -> None:
    _enlarge(server, "SmilingWolf/wd-convnext-tagger-v3")
    visitor = visit(server, "downloads", signed_in="alice")
    press(visitor.button("wdv3-convnext", "Download"))
    wait_until(lambda: _percent(visitor.row("wdv3-convnext")) > 0, "bytes have arrived")
    press(visitor.button("wdv3-convnext", "Pause"))
    expect(visitor.row("wdv3-convnext")).to_contain_text("Paused")
    server.hub.configure(server_bps=None)
    press(visitor.button("wdv3-convnext", "Resume"))
    expect(visitor.row("wdv3-convnext")).to_contain_text("Completed")


def test_the_history_of_what_runs_opens_and_stays_open(server: Server, visit: Visit) -> None:
    _enlarge(server, "SmilingWolf/wd-v1-4-convnextv2-tagger-v2")
    visitor = visit(server, "downloads", signed_in="alice")
    press(visitor.button("wdv3-convnextv2", "Download"))
    wait_until(lambda: _percent(visitor.row("wdv3-convnextv2")) > 0, "bytes have arrived")
    press(visitor.page.get_by_role("button", name="History"))
    line = visitor.page.get_by_role("dialog").locator("details").first
    press(line.locator("summary"))
    expect(line).to_contain_text("Bytes are arriving.")
    server.hub.configure(server_bps=None)


def test_a_failure_says_what_to_do_and_a_retry_heals_it(server: Server, visit: Visit) -> None:
    server.hub.remove_repo(YOLO)
    visitor = visit(server, "downloads", signed_in="alice")
    press(visitor.button("yolo-n", "Download"))
    row = visitor.row("yolo-n")
    expect(row).to_contain_text("Failed")
    expect(row).to_contain_text("Check the repository's name")
    assert "Traceback" not in visitor.page.locator("body").inner_text()
    server.hub.add_repo(YOLO, {"yolo11n.pt": Pattern(1_000_000)})
    press(visitor.button("yolo-n", "Retry"))
    expect(row).to_contain_text("Completed")


def test_a_download_that_was_started_elsewhere_appears_by_itself(
    server: Server, visit: Visit
) -> None:
    _enlarge(server, "florence-community/Florence-2-base", "model.safetensors")
    watcher = visit(server, "downloads", signed_in="alice")
    expect(watcher.row("florence2-base")).to_contain_text("Not started")
    other = visit(server, "downloads", signed_in="alice")
    press(other.button("florence2-base", "Download"))
    expect(watcher.row("florence2-base")).to_contain_text("Downloading")
    server.hub.configure(server_bps=None)
    expect(watcher.row("florence2-base")).to_contain_text("Completed")


def test_filter_and_search_leave_what_was_asked_for(server: Server, visit: Visit) -> None:
    visitor = visit(server, "downloads", signed_in="alice")
    expect(visitor.row("llada")).to_be_visible()
    visitor.page.get_by_placeholder("Name, id or repository").fill("yolo11 med")
    expect(visitor.row("yolo-m")).to_be_visible()
    expect(visitor.row("llada")).to_have_count(0)
    press(visitor.page.get_by_role("radio", name="Failed"))
    expect(visitor.page.get_by_text("No model fits this filter and search.")).to_be_visible()


def test_limits_are_in_force_at_once(server: Server, visit: Visit) -> None:
    visitor = visit(server, "downloads", signed_in="alice")
    field = visitor.page.get_by_role("spinbutton", name="Concurrent downloads")
    field.fill("3")
    press(visitor.page.get_by_role("button", name="Apply"))
    expect(visitor.page.get_by_text("The limits are in force.")).to_be_visible()
    visitor.page.reload()
    expect(field).to_have_value("3")


def test_the_overview_shows_what_runs_and_the_four_figures(server: Server, visit: Visit) -> None:
    _enlarge(server, "florence-community/Florence-2-large", "model.safetensors")
    visitor = visit(server, "model-management", signed_in="alice")
    for figure in ("Total Models", "Downloaded", "Ollama Models", "Cache Size"):
        expect(visitor.page.get_by_test_id("stMetric").filter(has_text=figure)).to_be_visible()
    expect(_figure(visitor, "Ollama Models")).to_contain_text("1")
    press(visitor.page.get_by_role("button", name="Go to downloads"))
    visitor.sees("Downloads")
    press(visitor.button("florence2-large", "Download"))
    expect(visitor.row("florence2-large")).to_contain_text("Downloading")
    press(visitor.page.get_by_role("link", name="Overview"))
    visitor.sees("Model Management")
    expect(visitor.row("florence2-large")).to_contain_text("left")
    before = {name: _figure(visitor, name).inner_text() for name in ("Downloaded", "Cache Size")}
    server.hub.configure(server_bps=None)
    expect(visitor.page.get_by_text("Nothing is running")).to_be_visible()
    for name, text in before.items():
        expect(_figure(visitor, name)).not_to_have_text(text, use_inner_text=True)


def _figure(visitor: Visitor, label: str) -> Locator:
    return visitor.page.get_by_test_id("stMetric").filter(has_text=label)


def _percent(row: Locator) -> float:
    found = PERCENT.search(row.inner_text())
    return float(found.group(1)) if found else 0.0
