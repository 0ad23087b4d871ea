"""The real server in a process of its own, and Chromium in front of it: fixtures for tests.

`server` is one server a worker, on a hub and an Ollama stand-in of its own; `visit` opens a browser
session of its own for a test. Nothing sleeps: everything waits for what a person would
see. A request to anything but loopback fails the test that made it.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.standins.hub import Hub
from tests.standins.ollama import Ollama, OllamaModel
from tests.standins.repositories import seed
from yipyap_core.domain.users import SYSTEM, Role
from yipyap_core.services.accounts.service import AccountsService, open_accounts, utc_now
from yipyap_core.settings import Settings
from yipyap_core.stores.engine import migrate, open_engine

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse staple"
CHEAP_ROUNDS = 4
START_SECONDS = 60.0
PATIENCE_MILLISECONDS = 25_000
"""Two busy cores are shared by browser, server and stand-ins."""
A_DAY = dt.timedelta(days=1)
SCRIPT_STATE = "data-test-script-state"

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PEOPLE = {"alice": Role.ADMIN, "bob": Role.USER, "gus": Role.GUEST}
HOST_VARIABLES = ("HF_", "HUGGING", "OLLAMA_", "YIPYAP_", "DISABLE_MODEL_")

expect.set_options(timeout=PATIENCE_MILLISECONDS)


@dataclass
class Server:
    """`streamlit run app.py` on a folder of its own, with the stand-ins behind it."""

    folder: Path
    hub: Hub
    ollama: Ollama
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where a browser opens it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process, once it is started."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server has printed so far."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    @functools.cached_property
    def accounts(self) -> AccountsService:
        """The accounts of the server's own store, seen from outside of its process."""
        return self.accounts_at(utc_now)

    def accounts_at(self, clock: Callable[[], dt.datetime]) -> AccountsService:
        """The same accounts at another time."""
        settings = Settings(home=self.folder / "state")
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = open_engine(settings.store_url)
        migrate(engine)
        return open_accounts(settings, engine, clock=clock, rounds=CHEAP_ROUNDS)

    def add(self, username: str, role: Role) -> str:
        """Make an account with the usual password; returns its name."""
        self.accounts.add_user(SYSTEM, username, username.capitalize(), role, PASSWORD)
        return username

    def cookie_of(self, username: str, *, life: dt.timedelta = A_DAY) -> str:
        """A sign-in cookie's value, as the server wrote it when `life` was left of its day."""
        expiry = dt.datetime.now() + life
        claims = {"username": username, "exp_date": expiry.timestamp()}
        return jwt.encode(claims, self.accounts.cookie_key(), algorithm="HS256")

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.port = _free_port()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(HOST_VARIABLES)}
        command = [sys.executable, "-m", "streamlit", "run", "app.py"]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--server.address=127.0.0.1", f"--server.port={self.port}"],
                cwd=ROOT,
                env={**kept, **self._own_environment(), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._answers, "the server answers", START_SECONDS)

    def stop(self) -> None:
        """End the process, as a service manager does."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _own_environment(self) -> dict[str, str]:
        return {
            "YIPYAP_HOME": str(self.folder / "state"),
            "YIPYAP_PORT": str(self.port),
            "HF_HOME": str(self.folder / "huggingface"),
            "HF_ENDPOINT": self.hub.endpoint,
            "OLLAMA_BASE_URL": self.ollama.base_url,
            "YIPYAP_OLLAMA_REGISTRY_URL": self.ollama.registry_url,
            "YIPYAP_DISK_RESERVE_BYTES": "0",
            "YIPYAP_ENGINE_CANARY": "0",
            "NO_PROXY": "127.0.0.1",
        }

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the server ended:\n{self.log}")
        try:
            return requests.get(f"{self.url}/api/health", timeout=5).ok
        except requests.RequestException:
            return False


@dataclass
class Visitor:
    """One browser session, in words of the product."""

    server: Server
    context: BrowserContext
    page: Page
    strangers: list[str] = field(default_factory=list)
    """Requests that would have left the machine."""

    def go(self, path: str = "") -> None:
        """Open an address, as typed into the browser."""
        self.page.goto(f"{self.server.url}/{path}")

    def fill_sign_in(self, username: str, password: str = PASSWORD) -> None:
        """Fill the form that is open, and send it."""
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password", exact=True).fill(password)
        press(self.page.get_by_role("button", name="Sign in"))

    def sees(self, heading: str) -> None:
        """Wait for a page's title, and until it has come to rest: a click is not lost then."""
        title = self.page.get_by_role("heading", level=1, name=heading)
        expect(title).to_have_count(1)  # while a page is drawn anew, the old one may still stand
        expect(title).to_be_visible()
        expect_rest(self.page)

    def sees_sign_in(self) -> None:
        """Wait for the sign-in form."""
        expect(self.page.get_by_role("button", name="Sign in")).to_be_visible()

    def has_cookie(self) -> bool:
        """Whether the browser keeps a sign-in."""
        return self.cookie() is not None

    def cookie(self) -> str | None:
        """The sign-in cookie's value."""
        found = [one for one in self.context.cookies() if one.get("name") == "yipyap_session"]
        return found[0].get("value") if found else None

    def row(self, model_id: str) -> Locator:
        """The card of a model."""
        return self.page.locator(f".st-key-row-{model_id}")

    def button(self, model_id: str, label: str) -> Locator:
        """A button on the card of a model."""
        return self.row(model_id).get_by_role("button", name=label, exact=True)


def press(target: Locator) -> None:
    """Click when the page has come to rest.

    Amid a run its elements are replaced, and a click whose element goes between press and
    release is none: the busier the machine, the likelier.
    """
    expect_rest(target.page)
    target.click()


def expect_rest(page: Page) -> None:
    """Wait until no run of the script is under way."""
    expect(page.get_by_test_id("stApp")).to_have_attribute(SCRIPT_STATE, "notRunning")


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 25.0) -> None:
    """Wait for something that no locator can see; raises `AssertionError` after `seconds`."""
    deadline, tick = time.monotonic() + seconds, threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        tick.wait(0.05)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def fresh_server(folder: Path) -> Iterator[Server]:
    """A server that nobody has started yet, with nobody in its store."""
    with Hub() as hub, Ollama() as ollama:
        server = Server(folder, hub, ollama)
        try:
            yield server
        finally:
            server.stop()
            shutil.rmtree(folder / "huggingface", ignore_errors=True)


@pytest.fixture
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this test alone, not started, without accounts."""
    with fresh_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@contextmanager
def usual_server(folder: Path) -> Iterator[Server]:
    """A running server with the usual people, every model's repository and one Ollama model."""
    with fresh_server(folder) as server:
        seed(server.hub)
        server.ollama.install(OllamaModel("qwen3:8b", 5_200_000_000, family="qwen3"))
        for username, role in PEOPLE.items():
            server.add(username, role)
        server.start()
        yield server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The usual server, for all tests that leave it as it was."""
    with usual_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this worker."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(CHROMIUM_ARGUMENTS)
        )
        yield chromium
        chromium.close()


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Open a browser session; `signed_in` gives it the cookie of an account from the start."""
    opened: list[Visitor] = []
    request.node.visitors = opened

    def open_session(
        server: Server,
        path: str | None = "",
        *,
        signed_in: str | None = None,
        width: int = 1280,
        dark: bool = False,
    ) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            timezone_id="Europe/Berlin",
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        if signed_in:
            cookie = server.cookie_of(signed_in)
            context.add_cookies([{"name": "yipyap_session", "value": cookie, "url": server.url}])
        visitor = Visitor(server, context, context.new_page())
        context.on("request", lambda request: _note_stranger(visitor, request.url))
        opened.append(visitor)
        if path is not None:
            visitor.go(path)
        return visitor

    yield open_session
    for visitor in opened:
        visitor.context.close()
    assert [url for visitor in opened for url in visitor.strangers] == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what the browser showed: it cannot be looked at afterwards."""
    report = yield
    if report.when == "call" and report.failed:
        for visitor in getattr(item, "visitors", ()):
            report.sections.append((f"page {visitor.page.url}", _shown(visitor.page)))
    return report


def _shown(page: Page) -> str:
    try:
        state = page.get_by_test_id("stApp").get_attribute(SCRIPT_STATE, timeout=1000)
        return f"[{state}]\n{page.locator('body').inner_text(timeout=1000)}"
    except PlaywrightError as error:
        return f"cannot be read any more: {error}"


def _note_stranger(visitor: Visitor, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "127.0.0.1":
        visitor.strangers.append(url)
