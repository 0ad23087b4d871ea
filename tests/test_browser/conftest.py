"""The browser's fixtures, for this folder only: nothing else needs Chromium."""

from tests.browser import browser, empty_server, server, visit
from tests.test_browser.try_kit import picture, runnable_server

__all__ = ["browser", "empty_server", "picture", "runnable_server", "server", "visit"]
