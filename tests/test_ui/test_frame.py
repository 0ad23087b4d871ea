"""The frame around the pages, run without a browser: sign-in, set-up, demonstration."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.test_ui.conftest import CREDENTIAL, script
from tests.test_ui.fakes import PASSWORD, House, build
from yipyap_core.domain.users import SYSTEM, Role
from yipyap_core.services import container


def _sign_in(app: AppTest, username: str, password: str = PASSWORD) -> AppTest:
    app.text_input[0].set_value(username)
    app.text_input[1].set_value(password)
    return app.button[0].click().run()


def _titles(app: AppTest) -> list[str]:
    return [title.value for title in app.title]


def test_a_visitor_gets_the_form_and_nothing_else(house: House) -> None:  # noqa: ARG001
    app = script().run()
    assert [field.label for field in app.text_input] == ["Username", "Password"]
    assert app.sidebar.markdown.len == 0
    assert not app.exception


@pytest.mark.parametrize(("username", "name"), [("alice", "Alice Archer"), ("gus", "Gus Guest")])
def test_the_form_opens_home(house: House, username: str, name: str) -> None:  # noqa: ARG001
    app = _sign_in(script().run(), username)
    assert _titles(app) == ["Home"]
    assert f"**{name}**" in [one.value for one in app.sidebar.markdown]
    assert not app.exception


@pytest.mark.parametrize("password", ["wrong", "", PASSWORD.upper(), PASSWORD + " "])
@pytest.mark.parametrize("username", ["alice", "nobody", "", "' or 1=1 --"])
def test_a_wrong_sign_in_says_the_same_for_every_name(
    house: House,  # noqa: ARG001
    username: str,
    password: str,
) -> None:
    app = _sign_in(script().run(), username, password)
    assert app.error[0].value.startswith("**The username or the password is wrong")
    assert CREDENTIAL not in app.session_state
    assert not app.exception


def test_too_many_failures_close_the_form_for_a_while(house: House) -> None:  # noqa: ARG001
    app = script().run()
    said: list[str] = []
    for _ in range(12):
        app = _sign_in(app, "alice", "wrong")
        said.append(app.error[0].value)
    assert "Try again in" in said[-1]
    assert "Try again in" in _sign_in(app, "alice").error[0].value


@pytest.mark.parametrize("credential", ["", "garbage", "e30.e30.e30"])
def test_a_forged_credential_is_no_sign_in(house: House, credential: str) -> None:  # noqa: ARG001
    app = script()
    app.session_state[CREDENTIAL] = credential
    assert app.run().text_input[0].label == "Username"


def test_a_change_of_role_counts_at_the_next_run(house: House) -> None:
    app = script()
    app.session_state[CREDENTIAL] = house.credential_of("alice")
    assert _titles(app.run()) == ["Home"]
    house.accounts.add_user(SYSTEM, "zoe", "Zoe", Role.ADMIN, PASSWORD)
    house.accounts.update_user(SYSTEM, "alice", role=Role.GUEST)
    app.run()
    assert app.text_input[0].label == "Username"
    assert "That sign-in has ended" in app.info[0].value


def test_without_a_user_the_page_says_where_the_link_is(tmp_path: Path) -> None:
    container.install(build(tmp_path, with_people=False).services)
    app = script().run()
    assert _titles(app) == ["First start"]
    assert app.text_input.len == 0


@pytest.mark.parametrize("code", ["wrong", "", "the one before"])
def test_a_dead_set_up_link_asks_for_nothing_and_says_where_the_newest_is(
    tmp_path: Path, code: str
) -> None:
    empty = build(tmp_path, with_people=False)
    container.install(empty.services)
    before = empty.accounts.setup_code()
    empty.accounts.setup_code()
    app = script()
    app.query_params["setup"] = before if code == "the one before" else code
    app.run()
    assert (_titles(app), app.text_input.len, app.button.len) == (["First start"], 0, 0)
    assert "open the newest one" in app.warning[0].value
    assert not app.exception


def test_a_link_that_dies_under_the_open_form_makes_nobody(tmp_path: Path) -> None:
    app, empty = _open_set_up(tmp_path)
    _fill_set_up(app)
    empty.accounts.setup_code()
    app.button[0].click().run()
    assert "open the newest one" in app.warning[0].value
    assert not empty.accounts.has_users()


def test_the_newest_link_makes_the_first_administrator(tmp_path: Path) -> None:
    app, empty = _open_set_up(tmp_path)
    _fill_set_up(app)
    app.button[0].click().run()
    assert empty.accounts.authenticate("root", PASSWORD, "127.0.0.1").role is Role.ADMIN
    assert app.text_input[1].label == "Password"
    assert app.button[0].label == "Sign in"


def _open_set_up(folder: Path) -> tuple[AppTest, House]:
    empty = build(folder, with_people=False)
    container.install(empty.services)
    app = script()
    app.query_params["setup"] = empty.accounts.setup_code() or ""
    return app.run(), empty


def _fill_set_up(app: AppTest) -> None:
    for field, value in zip(app.text_input, ("root", "", PASSWORD, PASSWORD), strict=True):
        field.set_value(value)


@pytest.mark.parametrize("username", [None, "gus"])
def test_a_demonstration_says_so_on_every_page(tmp_path: Path, username: str | None) -> None:
    shown = build(tmp_path, demo=True, demo_note="Sign in as user.")
    container.install(shown.services)
    app = script()
    if username:
        app.session_state[CREDENTIAL] = shown.credential_of(username)
    app.run()
    assert "Demonstration" in app.info[0].value
    assert "Sign in as user" in app.info[0].value
