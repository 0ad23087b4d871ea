"""The Users and Account pages."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import Locator, expect

from tests.browser import PASSWORD, Server, Visit, Visitor, press, wait_until
from yipyap_core.domain.users import Role

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def _user(visitor: Visitor, username: str) -> Locator:
    return visitor.page.locator(f".st-key-user-{username}")


def _change(visitor: Visitor, username: str, choice: str) -> None:
    press(_user(visitor, username).get_by_role("button", name="Change"))
    press(visitor.page.get_by_role("menuitem", name=choice))


def test_an_administrator_adds_demotes_and_removes_somebody(server: Server, visit: Visit) -> None:
    visitor = visit(server, "users", signed_in="alice")
    press(visitor.page.get_by_role("button", name="Add user"))
    question = visitor.page.get_by_role("dialog")
    question.get_by_role("textbox", name="Username").fill("nora")
    question.get_by_label("Password", exact=True).fill("nora")
    press(question.get_by_role("button", name="Add user"))
    expect(question.get_by_text("password").last).to_be_visible()
    question.get_by_label("Password", exact=True).fill(PASSWORD)
    press(question.get_by_role("button", name="Add user"))
    expect(_user(visitor, "nora")).to_contain_text("User")
    _change(visitor, "nora", "Make guest")
    expect(_user(visitor, "nora")).to_contain_text("Guest")
    _change(visitor, "nora", "Disable")
    expect(_user(visitor, "nora")).to_contain_text("Disabled")
    _change(visitor, "nora", "Remove")
    press(visitor.page.get_by_role("dialog").get_by_role("button", name="Remove user"))
    expect(_user(visitor, "nora")).to_have_count(0)


def test_a_demoted_administrator_loses_the_open_page(server: Server, visit: Visit) -> None:
    name = server.add("dora", Role.ADMIN)
    watcher = visit(server, "users", signed_in=name)
    watcher.sees("Users")
    visitor = visit(server, "users", signed_in="alice")
    _change(visitor, name, "Make user")
    expect(_user(visitor, name)).to_contain_text("User")
    expect(watcher.page.get_by_text("That sign-in has ended")).to_be_visible()
    expect(_user(watcher, name)).to_have_count(0)


def test_a_new_password_of_ones_own_keeps_this_session(server: Server, visit: Visit) -> None:
    name = server.add("pia", Role.USER)
    visitor = visit(server, "account", signed_in=name)
    other = visit(server, "account", signed_in=name)
    other.sees("Account")
    old = visitor.cookie()
    visitor.page.get_by_label("Present password").fill(PASSWORD)
    visitor.page.get_by_label("New password", exact=True).fill("purple monkey dishwasher")
    visitor.page.get_by_label("New password again").fill("purple monkey dishwasher")
    press(visitor.page.get_by_role("button", name="Change password"))
    expect(visitor.page.get_by_text("The password is changed")).to_be_visible()
    wait_until(lambda: visitor.cookie() != old, "the cookie is written anew")
    visitor.page.reload()
    visitor.sees("Account")
    other.page.reload()
    other.sees_sign_in()


def test_a_token_is_shown_once_works_and_can_be_revoked(server: Server, visit: Visit) -> None:
    visitor = visit(server, "account", signed_in="bob")
    visitor.page.get_by_label("Name", exact=True).fill("nightly")
    press(visitor.page.get_by_role("button", name="Create token"))
    secret = visitor.page.get_by_test_id("stCode").inner_text().strip()
    headers = {"Authorization": f"Bearer {secret}"}
    assert requests.get(f"{server.url}/api/me", headers=headers, timeout=10).ok
    visitor.page.reload()
    expect(visitor.page.get_by_text("nightly")).to_be_visible()
    assert secret not in visitor.page.locator("body").inner_text()
    press(visitor.page.get_by_role("button", name="Revoke"))
    expect(visitor.page.get_by_text("You have no tokens.")).to_be_visible()
    assert requests.get(f"{server.url}/api/me", headers=headers, timeout=10).status_code == 401
