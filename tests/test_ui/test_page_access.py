"""The access matrix of pages: every page that the code finds, by everyone who may come along.

A real server is asked through its websocket. What a page says is learned from an administrator's
visit, so that a new page is in the matrix as soon as its file is there. Whoever loses access with
a page open gets nothing more from it: neither by its timer nor by its buttons.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
import requests
from streamlit.util import calc_hash

from tests.accounts import LOSSES, make_cookie
from tests.browser import A_DAY, PASSWORD, PEOPLE, Server, fresh_server, wait_until
from tests.standins.repositories import seed
from tests.streamlit_client import Run, StreamlitClient
from yipyap_core.domain.users import SYSTEM, Principal, Role
from yipyap_core.ui.page import PageSpec, discover

pytestmark = pytest.mark.xdist_group("page access")

PAGES = [page.spec for page in discover()]
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.url_path)
MEMBERS = {name: role for name, role in PEOPLE.items() if role is not Role.ADMIN}
EXPIRED = "expired"
CLOSED = "Not for this account"
TOLD = (
    "users",
    "model-download-history",
    "model-download-queue-status",
    "captioner-config",
    "ollama/models",
    "ollama/pulls",
    "hf-cache/trash",
    "engines",
)
"""What an administrator is told of everything that a button could change."""


@dataclass(frozen=True)
class House:
    """The server, and what only its pages say: lines by the page's address."""

    server: Server
    own_lines: dict[str, set[str]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def administrator(self) -> str:
        """Make one more, with a token to revoke, older than any cookie; returns the name."""
        name = f"ada-{next(self.numbers)}"
        last_week = _now() - 7 * A_DAY
        accounts = self.server.accounts_at(lambda: last_week)
        accounts.add_user(SYSTEM, name, name, Role.ADMIN, PASSWORD)
        accounts.create_token(Principal(name, name, Role.ADMIN), "script")
        return name

    def visitor(self, cookie: str | None, page: PageSpec) -> StreamlitClient:
        """Somebody at the address of a page, with this cookie."""
        header = None if cookie is None else f"yipyap_session={cookie}"
        return StreamlitClient(self.server.port, cookie=header, path=page.url_path)

    def visit(self, cookie: str | None, page: PageSpec) -> Run:
        """What such a visitor is sent."""
        with self.visitor(cookie, page) as client:
            return client.load(page.url_path)

    def leaks(self, page: PageSpec, run: Run) -> set[str]:
        """What of the page is in a run."""
        return self.own_lines[page.url_path] & run.drawn

    def standing(self) -> dict[str, object]:
        """Everything that a press could have changed."""
        accounts, cookie = self.server.accounts, self.server.cookie_of("alice")
        names = [user.username for user in accounts.users(SYSTEM)]
        tokens = {name: accounts.tokens(Principal(name, name, Role.ADMIN)) for name in names}
        return {"tokens": tokens, **{path: _ask(self, path, cookie).json() for path in TOLD}}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for all cases, with the usual people and every model's repository."""
    with fresh_server(tmp_path_factory.mktemp("server")) as server:
        seed(server.hub)
        for username, role in PEOPLE.items():
            server.add(username, role)
        server.start()
        house = House(server)
        common = _lines_of_members(house)
        house.own_lines.update({one.url_path: _own_lines(house, one, common) for one in PAGES})
        yield house


def _own_lines(house: House, page: PageSpec, common: set[str]) -> set[str]:
    """What an administrator is sent there, without what is sent to others elsewhere."""
    elsewhere = next(one for one in PAGES if one is not page)
    drawn = house.visit(house.server.cookie_of("alice"), page).drawn
    drawn -= house.visit(None, elsewhere).drawn
    return drawn if page.is_open_to(Role.GUEST) else drawn - common


def _lines_of_members(house: House) -> set[str]:
    """What members are sent on the pages that are theirs."""
    return {
        line
        for name, role in MEMBERS.items()
        for page in PAGES
        if page.is_open_to(role)
        for line in house.visit(house.server.cookie_of(name), page).drawn
    }


def _asks_for_sign_in(run: Run) -> bool:
    return any(one.endswith("FormSubmitter:Login-Sign in") for one in run.button_ids)


def _ask(house: House, path: str, cookie: str) -> requests.Response:
    return requests.get(
        f"{house.server.url}/api/{path}", cookies={"yipyap_session": cookie}, timeout=30
    )


# a fresh visit

Stranger = Callable[[House], str | None]


def _token(house: House) -> str:
    user = house.server.accounts.authenticate("alice", PASSWORD, "127.0.0.1")
    return house.server.accounts.issue_token(user).access_token


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _expired(house: House) -> str:
    return house.server.cookie_of(house.administrator(), life=-dt.timedelta(seconds=1))


def _after(loss: str) -> Stranger:
    def come(house: House) -> str:
        name = house.administrator()
        cookie = house.server.cookie_of(name)
        LOSSES[loss](house.server.accounts, name)
        return cookie

    return come


STRANGERS: dict[str, Stranger] = {
    "nobody": lambda _: None,
    "made-up cookie": lambda _: "x" * 43,
    "cookie of another server": lambda _: make_cookie("k" * 64, "alice", _now(), 1),
    "the token as a cookie": _token,
    EXPIRED: _expired,
    **{loss: _after(loss) for loss in LOSSES},
}


@EVERY_PAGE
@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_gets_the_sign_in_at_every_address(
    house: House, page: PageSpec, name: str
) -> None:
    cookie = STRANGERS[name](house)
    with house.visitor(cookie, page) as client:
        by_hash = client.load(page_script_hash=calc_hash(page.url_path))
    for run in (house.visit(cookie, page), by_hash):
        assert _asks_for_sign_in(run)
        assert house.leaks(page, run) == set()


@EVERY_PAGE
@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_gets_the_pages_of_the_role_and_no_others(
    house: House, page: PageSpec, name: str
) -> None:
    cookie = house.server.cookie_of(name)
    with house.visitor(cookie, page) as client:
        by_hash = client.load(page_script_hash=calc_hash(page.url_path))
    for run in (house.visit(cookie, page), by_hash):
        assert not _asks_for_sign_in(run)
        if not page.is_open_to(MEMBERS[name]):
            assert house.leaks(page, run) == set()
    if page.is_open_to(MEMBERS[name]):
        assert page.purpose in run.text
    else:
        assert CLOSED in house.visit(cookie, page).text


@EVERY_PAGE
def test_an_administrator_gets_every_page(house: House, page: PageSpec) -> None:
    """What the cases look for is there to be found."""
    run = house.visit(house.server.cookie_of("alice"), page)
    assert page.purpose in house.leaks(page, run)
    assert CLOSED not in run.text


@pytest.mark.parametrize(
    "page", [one for one in PAGES if one.role is Role.ADMIN], ids=lambda page: page.url_path
)
@pytest.mark.parametrize("name", MEMBERS)
def test_a_forged_press_does_nothing(house: House, page: PageSpec, name: str) -> None:
    drawn = house.visit(house.server.cookie_of("alice"), page)
    with house.visitor(house.server.cookie_of(name), page) as client:
        client.load(page.url_path)
        before = house.standing()
        run = client.press(drawn.button_ids[-1], page_script_hash=drawn.page_script_hash)
    assert house.leaks(page, run) == set()
    assert house.standing() == before


# a page that was open when access was lost


@dataclass(frozen=True)
class Opened:
    """A page that somebody was sent, and the session that it hangs on."""

    client: StreamlitClient
    run: Run

    def poll(self) -> Run:
        """Let the page's timer strike."""
        fragment = self.run.fragment_ids[-1]
        return self.client.poll(fragment, page_script_hash=self.run.page_script_hash)

    def press(self, button: str) -> Run:
        """Press one of the page's buttons."""
        return self.client.press(button, page_script_hash=self.run.page_script_hash)


Lost = dict[str, tuple[Opened, Opened]]
"""By the page's address: one session to poll and one to press in."""


@pytest.fixture(scope="module", params=[*LOSSES, EXPIRED])
def lost(house: House, request: pytest.FixtureRequest) -> Iterator[Lost]:
    """Every page, opened by an administrator who has then lost access."""
    name = house.administrator()
    with ExitStack() as stack:
        if request.param == EXPIRED:
            yield _open_until_expiry(house, name, stack)
        else:
            pages = _open_all(house, house.server.cookie_of(name), stack)
            LOSSES[request.param](house.server.accounts, name)
            yield pages


def _open_until_expiry(house: House, name: str, stack: ExitStack) -> Lost:
    """Open everything within a cookie's life, a longer one on a slow machine; then outlive it."""
    for seconds in (4, 16, 64):
        life = dt.timedelta(seconds=seconds)
        end, cookie = _now() + life, house.server.cookie_of(name, life=life)
        pages = _open_all(house, cookie, stack)
        if _now() < end:
            _outlive(house, cookie, seconds)
            return pages
    raise AssertionError("the pages could not be opened in time")


def _outlive(house: House, cookie: str, seconds: float) -> None:
    wait_until(lambda: not _counts(house, cookie), "the cookie expires", seconds + 10)


def _counts(house: House, cookie: str) -> bool:
    return _ask(house, "me", cookie).status_code == 200


def _open_all(house: House, cookie: str, stack: ExitStack) -> Lost:
    return {
        page.url_path: (_open(house, cookie, page, stack), _open(house, cookie, page, stack))
        for page in PAGES
    }


def _open(house: House, cookie: str, page: PageSpec, stack: ExitStack) -> Opened:
    client = stack.enter_context(house.visitor(cookie, page))
    return Opened(client, client.load(page.url_path))


@EVERY_PAGE
def test_a_poll_after_access_is_lost_brings_the_sign_in(
    house: House, lost: Lost, page: PageSpec
) -> None:
    opened, _ = lost[page.url_path]
    run = opened.poll()
    assert _asks_for_sign_in(run)
    assert house.leaks(page, run) == set()


@EVERY_PAGE
def test_a_press_after_access_is_lost_does_nothing(
    house: House, lost: Lost, page: PageSpec
) -> None:
    _, opened = lost[page.url_path]
    before = house.standing()
    run = opened.press(opened.run.button_ids[-1])
    assert _asks_for_sign_in(run)
    assert house.leaks(page, run) == set()
    assert house.standing() == before


@EVERY_PAGE
def test_no_kind_of_button_works_for_who_was_demoted(house: House, page: PageSpec) -> None:
    name = house.administrator()
    cookie = house.server.cookie_of(name)
    with ExitStack() as stack:
        buttons = house.visit(cookie, page).labelled_buttons.values()
        opened = [_open(house, cookie, page, stack) for _ in buttons]
        LOSSES["demoted"](house.server.accounts, name)
        before = house.standing()
        for button, one in zip(buttons, opened, strict=True):
            run = one.press(button)
            assert _asks_for_sign_in(run)
            assert house.leaks(page, run) == set()
        assert house.standing() == before


def test_polls_and_presses_of_an_administrator_count(house: House) -> None:
    """What the cases look for would be there if access were not lost."""
    (downloads,) = (page for page in PAGES if page.url_path == "downloads")
    cookie = house.server.cookie_of(house.administrator())
    with ExitStack() as stack:
        opened = _open(house, cookie, downloads, stack)
        assert "Nothing is running" in opened.poll().text
        before = house.standing()
        opened.press(opened.run.button_id("download-jtp2"))
        wait_until(lambda: _is_downloaded(house, "jtp2"), "the download has come")
    assert house.standing() != before


def _is_downloaded(house: House, model_id: str) -> bool:
    told = _ask(house, f"model-download-status/{model_id}", house.server.cookie_of("alice"))
    return bool(told.json()["status"] == "completed")
