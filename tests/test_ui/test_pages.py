"""Every page alone: found by its file, closed to the wrong role, honest about errors."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import pages
from tests.accounts import LOSSES
from tests.test_ui.conftest import CREDENTIAL, OpenPage
from tests.test_ui.fakes import House
from yipyap_core.discovery import DiscoveryError
from yipyap_core.domain.download_queue import QuietHours
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.jobs import Failure, Phase
from yipyap_core.domain.users import SYSTEM, Role
from yipyap_core.errors import InsufficientStorage
from yipyap_core.ui.formats import plain
from yipyap_core.ui.page import LoadedPage, PageSpec, Section, discover

ADMINISTRATORS_PAGES = [page for page in discover() if page.spec.role is Role.ADMIN]
NEW_PAGE = '''
from yipyap_core.domain.users import Role
from yipyap_core.ui.guard import guarded
from yipyap_core.ui.page import PageSpec, Section

PAGE = PageSpec(
    title="Tea", icon="coffee", url_path="{address}", section=Section.SETTINGS, role=Role.ADMIN,
    order=99,
)


@guarded(PAGE.role)
def render(services, principal):
    """Draw nothing."""
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A further folder of pages, found beside the product's own."""
    monkeypatch.setattr(pages, "__path__", [*pages.__path__, str(tmp_path)])
    discover.cache_clear()
    yield tmp_path
    discover.cache_clear()


def _module(spec: PageSpec) -> str:
    return spec.url_path.replace("-", "_")


def test_a_new_file_is_a_new_page(folder: Path) -> None:
    (folder / "tea_page.py").write_text(NEW_PAGE.format(address="tea"))
    assert [page.spec.title for page in discover()][-1] == "Tea"


def test_two_pages_of_one_address_are_refused_by_name(folder: Path) -> None:
    (folder / "second_users.py").write_text(NEW_PAGE.format(address="users"))
    with pytest.raises(DiscoveryError, match=r"(?s)users\.py.*second_users\.py|second_users\.py"):
        discover()


def test_a_page_that_draws_nothing_is_refused(folder: Path) -> None:
    source = NEW_PAGE.format(address="lonely").replace("def render", "def something")
    (folder / "lonely_page.py").write_text(source)
    with pytest.raises(DiscoveryError, match="no render"):
        discover()


def test_model_management_has_its_six_tabs_in_order() -> None:
    tabs = [page.spec.label for page in discover() if page.spec.section is Section.MODELS]
    assert tabs == [
        "Overview",
        "Caption Models",
        "Detection Models",
        "Ollama Models",
        "HF Cache",
        "Downloads",
    ]


@pytest.mark.parametrize("page", ADMINISTRATORS_PAGES, ids=lambda page: page.spec.url_path)
@pytest.mark.parametrize("username", ["bob", "gus", None])
def test_a_page_is_closed_to_the_wrong_role_whatever_it_is_handed(
    open_page: OpenPage, page: object, username: str | None
) -> None:
    spec = getattr(page, "spec", None)
    assert isinstance(spec, PageSpec)
    app = open_page(_module(spec), username)
    drawn = [one.type for one in app.main if one.type != "main"]
    assert drawn == ["warning"]
    assert not app.exception


@pytest.mark.parametrize("page", ADMINISTRATORS_PAGES, ids=lambda page: page.spec.url_path)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_page_alone_is_closed_to_who_has_lost_access(
    open_page: OpenPage, house: House, page: LoadedPage, loss: str
) -> None:
    house.accounts.add_user(SYSTEM, "zoe", "Zoe", Role.ADMIN, "correct horse staple")
    app = open_page(_module(page.spec), "zoe")
    LOSSES[loss](house.accounts, "zoe")
    app.run()
    assert [one.type for one in app.main if one.type != "main"] == ["warning"]
    assert not app.exception


def test_downloads_start_from_their_button(open_page: OpenPage, house: House) -> None:
    app = open_page("downloads", "alice")
    app.button(key="download-wdv3-swinv2").click().run()
    assert house.downloads.calls == [("start", "wdv3-swinv2")]
    assert "queued" in app.toast[0].value


def test_a_failed_download_shows_its_hint_and_can_be_retried(
    open_page: OpenPage, house: House
) -> None:
    app = open_page("downloads", "alice")
    assert "The cache may not be written" in app.error[0].value
    assert "then retry" in app.error[0].value
    assert plain("cache_read_only") in app.error[0].value
    app.button(key="retry-llada").click().run()
    assert house.downloads.calls == [("start", "llada")]


@pytest.mark.parametrize("phase", [Phase.PAUSED, Phase.QUEUED])
def test_a_download_that_waits_for_something_says_for_what(
    open_page: OpenPage, house: House, phase: Phase
) -> None:
    full = Failure("disk_full", "The volume of the cache is full.", "It goes on by itself.", True)
    house.downloads.set("llada", status=DownloadState.DOWNLOADING, phase=phase, error=full)
    app = open_page("downloads", "alice")
    assert not app.error
    for words in (full.message, full.hint, full.code):
        assert plain(words) in app.warning[0].value


@pytest.mark.parametrize("page", ["downloads", "detection_models"])
def test_a_disabled_download_says_why(open_page: OpenPage, house: House, page: str) -> None:  # noqa: ARG001
    app = open_page(page, "alice")
    assert "Model downloads are disabled" in app.info[0].value
    assert "DISABLE_MODEL_DOWNLOADS=false" in app.info[0].value


def test_a_disabled_download_cannot_be_pressed(open_page: OpenPage, house: House) -> None:  # noqa: ARG001
    button = open_page("downloads", "alice").button(key="download-watermark-owlv2")
    assert button.disabled
    assert "Model downloads are disabled" in button.help


def test_an_error_of_ours_stands_in_the_models_own_row(
    open_page: OpenPage, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InsufficientStorage(needed_bytes=10, free_bytes=1)

    monkeypatch.setattr(house.downloads, "start", refuse)
    app = open_page("downloads", "alice")
    app.button(key="download-wdv3-swinv2").click().run()
    assert any("10 B are needed" in one.value for one in app.error)


def test_limits_and_quiet_hours_are_set_together(open_page: OpenPage, house: House) -> None:
    app = open_page("downloads", "alice")
    app.number_input[0].set_value(5)
    app.number_input[1].set_value(12.5)
    app.toggle[0].set_value(True)
    next(button for button in app.button if button.label == "Apply").click().run()
    assert house.downloads.calls == [
        ("limits", f"5 12500000 {QuietHours(dt.time(8), dt.time(18), stops_running=False)}")
    ]  # one write: all of it or nothing


def test_a_waiting_download_is_moved_up(open_page: OpenPage, house: House) -> None:
    house.downloads.set("llada", status=DownloadState.DOWNLOADING, phase=Phase.QUEUED)
    open_page("downloads", "alice").button(key="move--1-llada").click().run()
    assert house.downloads.calls == [("move -1", "llada")]


def test_a_stale_button_does_nothing(open_page: OpenPage, house: House) -> None:
    app = open_page("downloads", "alice")
    button = app.button(key="download-wdv3-swinv2")
    house.accounts.add_user(SYSTEM, "zoe", "Zoe", Role.ADMIN, "correct horse staple")
    house.accounts.update_user(SYSTEM, "alice", role=Role.USER)
    button.click().run()
    assert house.downloads.calls == []


def test_what_nobody_expected_is_an_id_on_the_page_and_a_traceback_in_the_log(
    open_page: OpenPage,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise RuntimeError("secret path /srv/x")

    monkeypatch.setattr(house.downloads, "queue", fail)
    with caplog.at_level(logging.ERROR):
        app = open_page("downloads", "alice")
    said = app.error[-1].value
    assert "Something unexpected happened" in said
    assert "secret" not in said
    assert not app.exception
    error_id = said.split("**")[1]
    assert error_id in caplog.text
    assert "secret path" in caplog.text


def test_the_last_administrator_keeps_the_role_and_is_told_why(
    open_page: OpenPage,
    house: House,  # noqa: ARG001
) -> None:
    app: AppTest = open_page("users", "alice")
    assert any("last administrator cannot be removed" in one.value for one in app.caption)
    assert CREDENTIAL in app.session_state
