"""Pasting a picture in Chromium: the key, the button, and what is no picture."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Server, Visit, Visitor, expect_rest, press
from tests.test_browser.try_kit import open_panel

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(180)]

COPY = """async (encoded) => {
  const bytes = Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
  const blob = new Blob([bytes], {type: "image/png"});
  await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
}"""
PASTE = """([text, name, type, at]) => {
  const carrier = new DataTransfer();
  if (name) carrier.items.add(new File([text], name, {type}));
  else carrier.setData("text/plain", text);
  const event = new ClipboardEvent("paste", {
    clipboardData: carrier, bubbles: true, cancelable: true, composed: true,
  });
  document.querySelector(at).dispatchEvent(event);
}"""
"""What a browser does when a person pastes."""


@pytest.fixture
def server(runnable_server: Server) -> Server:
    return runnable_server


@pytest.fixture(params=[{}, {"width": 390, "dark": True}], ids=["desk", "telephone"])
def alice(request: pytest.FixtureRequest, server: Server, visit: Visit) -> Visitor:
    visitor = open_panel(visit, server, "WDv3", **request.param)
    expect(visitor.page.get_by_role("button", name="Paste image")).to_be_visible()
    return visitor


def _copy(visitor: Visitor, picture: Path) -> None:
    """Put a picture into the clipboard, as another program would."""
    permissions = ["clipboard-read", "clipboard-write"]
    visitor.context.grant_permissions(permissions, origin=visitor.server.url)
    encoded = base64.b64encode(picture.read_bytes()).decode()
    visitor.page.evaluate(COPY, encoded)


def _paste(page: Page, text: str, name: str = "", type: str = "", at: str = "body") -> None:
    expect_rest(page)  # who listens for it may go amid a run
    page.evaluate(PASTE, [text, name, type, at])


def test_a_picture_of_the_clipboard_is_pasted_by_key_or_button(
    alice: Visitor, picture: Path
) -> None:
    _copy(alice, picture)
    alice.page.keyboard.press("Control+V")
    expect(alice.page.get_by_text("320 x 240 pixels")).to_be_visible()
    press(alice.page.get_by_role("button", name="Remove", exact=True))
    expect(alice.page.get_by_text("Choose an image to try")).to_be_visible()
    button = alice.page.get_by_role("button", name="Paste image")
    button.focus()
    button.press("Enter")
    expect(alice.page.get_by_text("320 x 240 pixels")).to_be_visible()


def test_what_is_pasted_goes_through_the_checks_of_an_upload(server: Server, visit: Visit) -> None:
    page = open_panel(visit, server, "WDv3").page
    expect(page.get_by_role("button", name="Paste image")).to_be_visible()
    _paste(page, "no picture", "broken.png", "image/png")
    expect(page.get_by_text("its format is not known")).to_be_visible()
    _paste(page, "x" * (21 << 20), "large.png", "image/png")
    expect(page.get_by_test_id("stFileUploader")).to_contain_text("must be 20.0MB or smaller")
    expect(page.get_by_text("Choose an image to try")).to_be_visible()
    _paste(page, "only words")
    expect(page.get_by_text("The clipboard holds no image.")).to_be_visible()


def test_text_that_is_pasted_into_a_field_is_left_alone(server: Server, visit: Visit) -> None:
    page = open_panel(visit, server, "WDv3").page
    expect(page.get_by_role("button", name="Paste image")).to_be_visible()
    _paste(page, "0.5", at="input[type=number], input[inputmode]")
    expect(page.get_by_text("The clipboard holds no image.")).to_have_count(0)
