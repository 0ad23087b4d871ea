"""Draws the pictures of the documentation: the real server on the stand-ins, seen by Chromium.

python -m scripts.screenshots
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import requests
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser import CHROMIUM_ARGUMENTS, PASSWORD, Server, fresh_server, wait_until
from tests.standins.ollama import OllamaModel
from tests.standins.repositories import seed
from yipyap_core.domain.users import Role

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SCALE = 30.0
HUB_BPS = 3_000_000
HERE_ALREADY = ("yolo-n", "wdv3-vit", "florence2-base")
STARTED = ("joycaption", "jtp2", "wdv3-swinv2")
PICTURES = (
    ("downloads", "downloads", 1280, 800, False),
    ("overview", "model-management", 1280, 800, False),
    ("overview-dark", "model-management", 1280, 800, True),
    ("downloads-phone", "downloads", 390, 844, True),
)


def main() -> int:
    """Draw every picture anew."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, fresh_server(Path(folder)) as server:
        seed(server.hub, scale=SCALE)
        server.ollama.install(OllamaModel("qwen3:8b", 5_200_000_000, family="qwen3"))
        server.add("alice", Role.ADMIN)
        server.start()
        _download(server)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=list(CHROMIUM_ARGUMENTS)
            )
            for name, path, width, height, dark in PICTURES:
                _draw(server, browser, name, path, (width, height), dark=dark)
            browser.close()
    return 0


def _download(server: Server) -> None:
    session = requests.Session()
    session.trust_env = False
    form = {"username": "alice", "password": PASSWORD}
    token = session.post(f"{server.url}/api/token", data=form, timeout=30).json()["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"

    def start(model_id: str) -> None:
        session.post(f"{server.url}/api/model-download/{model_id}/start", timeout=30)

    def is_here(model_id: str) -> bool:
        address = f"{server.url}/api/model-download-status/{model_id}"
        return bool(session.get(address, timeout=30).json()["status"] == "completed")

    for model_id in HERE_ALREADY:
        start(model_id)
    wait_until(lambda: all(map(is_here, HERE_ALREADY)), "the first models are here", 120)
    server.hub.configure(server_bps=HUB_BPS)
    for model_id in STARTED:
        start(model_id)


def _draw(
    server: Server, browser: Browser, name: str, path: str, size: tuple[int, int], *, dark: bool
) -> None:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        timezone_id="Europe/Berlin",
    )
    cookie = server.cookie_of("alice")
    context.add_cookies([{"name": "yipyap_session", "value": cookie, "url": server.url}])
    page = context.new_page()
    page.goto(f"{server.url}/{path}")
    expect(page.locator(".st-key-row-jtp2")).to_contain_text("left")
    page.wait_for_timeout(8000)  # a line of speeds needs some of them
    page.screenshot(path=IMAGES / f"{name}.png")
    context.close()


if __name__ == "__main__":
    sys.exit(main())
