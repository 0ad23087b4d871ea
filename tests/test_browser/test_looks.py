"""What holds for every page: both widths, both themes, one title, nothing that scrolls sideways."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import Server, Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PAGES = {
    "": "Home",
    "model-management": "Model Management",
    "caption-models": "Caption Models",
    "detection-models": "Detection Models",
    "ollama-models": "Ollama Models",
    "hf-cache": "HF Cache",
    "downloads": "Downloads",
    "users": "Users",
    "account": "Account",
}
SIDEWAYS = """() => [...document.querySelectorAll('[data-testid="stMain"] *')]
  .filter(one => one.getBoundingClientRect().width > 0)
  .filter(one => one.getBoundingClientRect().right > window.innerWidth + 1)
  .map(one => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_every_page_fits_and_shows_no_error(
    server: Server, visit: Visit, width: int, dark: bool
) -> None:
    visitor = visit(server, path=None, signed_in="alice", width=width, dark=dark)
    for address, title in PAGES.items():
        visitor.go(address)
        visitor.sees(title)
        expect(visitor.page.get_by_text("Nothing is running")).to_be_visible()
        assert visitor.page.evaluate(SIDEWAYS) == [], title
        assert "Something unexpected happened" not in visitor.page.locator("body").inner_text()


def test_the_theme_follows_the_readers_system(server: Server, visit: Visit) -> None:
    colours = set()
    for dark in (False, True):
        visitor = visit(server, dark=dark)
        visitor.sees_sign_in()
        colours.add(
            visitor.page.evaluate(
                "getComputedStyle(document.querySelector('.stApp')).backgroundColor"
            )
        )
    assert colours == {"rgb(255, 255, 255)", "rgb(15, 19, 23)"}
