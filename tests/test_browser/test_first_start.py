"""The first start of a fresh server: the printed link, used once, and nothing without it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import PASSWORD, Server, Visit, press, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_the_printed_link_makes_the_first_administrator_once(
    empty_server: Server, visit: Visit
) -> None:
    empty_server.start()
    wait_until(lambda: "?setup=" in empty_server.log, "the link is printed")
    link = re.search(r"http://\S+/(\?setup=\S+)", empty_server.log)
    assert link is not None

    stranger = visit(empty_server)
    expect(
        stranger.page.get_by_text("The server has printed a one-time set-up link")
    ).to_be_visible()
    expect(stranger.page.get_by_label("Password", exact=True)).to_have_count(0)

    visitor = visit(empty_server, link.group(1))
    visitor.sees("First start")
    _fill(visitor.page, "password12")
    expect(visitor.page.get_by_text("password").filter(has_text="common").first).to_be_visible()
    _fill(visitor.page, PASSWORD)
    visitor.sees_sign_in()
    visitor.fill_sign_in("root")
    visitor.sees("Home")
    expect(visitor.page.get_by_text("Administrator").first).to_be_visible()

    late = visit(empty_server, link.group(1))
    late.sees_sign_in()
    expect(late.page.get_by_text("The set-up is over")).to_be_visible()


def _fill(page: Page, password: str) -> None:
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_label("Password again").fill(password)
    press(page.get_by_role("button", name="Create administrator"))
