"""Signing in and out, as people do it: form, cookie, links, and addresses that are not theirs."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import expect

from tests.browser import PASSWORD, Server, Visit, press, wait_until
from yipyap_core.domain.users import Role

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ADMINISTRATORS_ADDRESSES = {
    "model-management": "Total Models",
    "caption-models": "JTP2",
    "detection-models": "YOLO",
    "ollama-models": "Service Status",
    "hf-cache": "Cache Directory",
    "downloads": "Refresh Status",
    "users": "Add user",
}


def test_a_wrong_password_is_refused_and_the_right_one_opens_home(
    server: Server, visit: Visit
) -> None:
    visitor = visit(server)
    visitor.fill_sign_in("bob", "not the password")
    expect(visitor.page.get_by_text("The username or the password is wrong.")).to_be_visible()
    assert not visitor.has_cookie()
    visitor.fill_sign_in("bob")
    visitor.sees("Home")
    expect(visitor.page.get_by_text("Signed in as bob")).to_be_visible()


def test_a_reload_keeps_the_sign_in(server: Server, visit: Visit) -> None:
    visitor = visit(server)
    visitor.fill_sign_in("alice")
    visitor.sees("Home")
    wait_until(visitor.has_cookie, "the cookie is written")
    visitor.page.reload()
    visitor.sees("Home")
    expect(visitor.page.get_by_label("Password", exact=True)).to_have_count(0)


def test_a_deep_link_survives_the_sign_in(server: Server, visit: Visit) -> None:
    visitor = visit(server, "downloads")
    visitor.sees_sign_in()
    assert "Downloads" not in visitor.page.title()
    visitor.fill_sign_in("alice")
    visitor.sees("Downloads")
    assert visitor.page.url == f"{server.url}/downloads"


def test_signing_out_ends_the_session_everywhere_and_a_copied_cookie_is_refused(
    server: Server, visit: Visit
) -> None:
    server.add("olga", Role.ADMIN)
    visitor = visit(server)
    visitor.fill_sign_in("olga")
    visitor.sees("Home")
    wait_until(visitor.has_cookie, "the cookie is written")
    copied = visitor.cookie()
    visitor.sees("Home")  # writing the cookie draws the page anew
    press(visitor.page.get_by_role("button", name="Sign out"))
    expect(visitor.page.get_by_role("heading", name="Home")).to_have_count(0)
    wait_until(lambda: not visitor.has_cookie(), "the cookie is deleted")
    visitor.page.reload()
    visitor.sees_sign_in()

    thief = visit(server, path=None)
    thief.context.add_cookies(
        [{"name": "yipyap_session", "value": copied or "", "url": server.url}]
    )
    thief.go("downloads")
    thief.sees_sign_in()
    answer = requests.get(
        f"{server.url}/api/me", cookies={"yipyap_session": copied or ""}, timeout=10
    )
    assert answer.status_code == 401


def test_signing_in_again_in_the_same_tab_works(server: Server, visit: Visit) -> None:
    server.add("otto", Role.USER)
    visitor = visit(server)
    visitor.fill_sign_in("otto")
    visitor.sees("Home")
    press(visitor.page.get_by_role("button", name="Sign out"))
    visitor.sees_sign_in()
    visitor.fill_sign_in("otto", PASSWORD)
    visitor.sees("Home")
    expect(visitor.page.get_by_text("Signed in as otto")).to_be_visible()


@pytest.mark.parametrize("username", ["bob", "gus"])
def test_who_types_an_administrators_address_is_told_no_and_sees_nothing_of_it(
    server: Server, visit: Visit, username: str
) -> None:
    visitor = visit(server, path=None, signed_in=username)
    for address, secret in ADMINISTRATORS_ADDRESSES.items():
        visitor.go(address)
        visitor.sees("Not for this account")
        assert secret not in visitor.page.locator("body").inner_text()


@pytest.mark.parametrize(("username", "role"), [("bob", "User"), ("gus", "Guest")])
def test_home_says_who_somebody_is_and_what_they_may_do(
    server: Server, visit: Visit, username: str, role: str
) -> None:
    visitor = visit(server, signed_in=username)
    visitor.sees("Home")
    expect(visitor.page.get_by_text(f"Signed in as {username} · {role}")).to_be_visible()
    expect(visitor.page.get_by_text("What you may do", exact=True)).to_be_visible()
    menu = visitor.page.get_by_test_id("stSidebar")
    expect(menu.get_by_role("link", name="Account")).to_be_visible()
    expect(menu.get_by_text("Model Management")).to_have_count(0)
    expect(menu.get_by_role("link", name="Users")).to_have_count(0)


def test_administrators_have_model_management_with_its_six_tabs(
    server: Server, visit: Visit
) -> None:
    visitor = visit(server, signed_in="alice")
    menu = visitor.page.get_by_test_id("stSidebar")
    expect(menu.get_by_text("Settings", exact=True)).to_be_visible()
    expect(menu.get_by_text("Model Management")).to_be_visible()
    tabs = [
        "Overview",
        "Caption Models",
        "Detection Models",
        "Ollama Models",
        "HF Cache",
        "Downloads",
    ]
    for tab in tabs:
        press(menu.get_by_role("link", name=tab, exact=True))
        visitor.sees("Model Management" if tab == "Overview" else tab)
